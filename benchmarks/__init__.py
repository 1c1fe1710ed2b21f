"""Side-by-side times, memory and errors against peers, in one run and one thread.

One row of a table is one task, solved by one of our contestants and by one peer. A ratio is the
processor time of ours divided by that of the peer, the median over rounds with its quartiles: below
1 ours is faster. Only ratios mean anything on other machines. Memory is peak memory in MB beyond
what was held before the call. What an error is of, its family says; an error of ours alone is the
largest difference between the two. In tasks that are named "memory" the ratio is one of memory.
A peer that is not installed leaves a note. Targets are meant for the full sizes.
"""
