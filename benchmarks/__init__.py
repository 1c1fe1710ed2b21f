"""Side-by-side timings against peers, in one run and one thread, printed as ratios."""
