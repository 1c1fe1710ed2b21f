"""The style sheet: light and dark, phone and paper."""

STYLE = """
:root{--paper:#fff;--ink:#1b1f24;--soft:#57606a;--line:#d0d7de;--panel:#f6f8fa;--ref:#b9c0c8;
--cur:#0072b2;--alarm:#b34700;--alarm-panel:#fff4ec;--calm:#0b6b4f;--calm-panel:#eefaf5}
@media screen and (prefers-color-scheme:dark){:root{--paper:#0f1419;--ink:#e6e9ec;--soft:#9aa4ae;
--line:#343c45;--panel:#181f26;--ref:#4d5863;--cur:#58b4ee;--alarm:#ff9d5c;--alarm-panel:#2a1c12;
--calm:#63d3ac;--calm-panel:#10241d}}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%}
body{margin:0 auto;max-width:72rem;padding:1.5rem 1.25rem 3rem;background:var(--paper);
color:var(--ink);font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,
sans-serif;overflow-wrap:anywhere}
h1{font-size:1.5rem;line-height:1.25;margin:0 0 .4rem}
h2{font-size:1.15rem;margin:2.2rem 0 .6rem}
p{margin:.4rem 0}
.soft,caption,figcaption{color:var(--soft);font-size:.875rem}
small{color:var(--soft);font-size:.93em}
.facts{list-style:none;display:flex;flex-wrap:wrap;gap:.1rem 1.25rem;margin:0;padding:0}
.verdict{border:1px solid var(--line);border-left:6px solid var(--soft);border-radius:6px;
background:var(--panel);margin:1.2rem 0;padding:.9rem 1.1rem}
.verdict.drift{border-left-color:var(--alarm);background:var(--alarm-panel)}
.verdict.calm{border-left-color:var(--calm);background:var(--calm-panel)}
.headline{font-size:1.3rem;font-weight:650;margin:0 0 .3rem}
.drift .headline,b.drift{color:var(--alarm)}.calm .headline{color:var(--calm)}
b.drift,.word{white-space:nowrap}
figure{margin:.8rem 0;max-width:46rem}
table{border-collapse:collapse;width:100%;margin:.4rem 0 1rem;font-size:.925rem;
font-variant-numeric:tabular-nums}
caption{text-align:left;padding-bottom:.5rem}
th,td{text-align:left;vertical-align:top;padding:.5rem .7rem .5rem 0;
border-bottom:1px solid var(--line)}
thead th{font-size:.87em;color:var(--soft);font-weight:600;vertical-align:bottom;
overflow-wrap:normal}
tbody th{font-weight:600;min-width:7rem}
.failed th,.diagnostics th{overflow-wrap:normal}
th small,td small{display:block;font-weight:400;overflow-wrap:normal}
data{white-space:nowrap}
table.columns thead th:nth-child(2){width:216px}
.picture{width:200px;max-width:100%}
svg{display:block;max-width:100%}
.picture>svg{height:auto}
svg text{fill:var(--ink);font-size:13px}
svg .tick{fill:var(--soft);font-size:12px;text-anchor:middle}
svg .label{font-size:10px;text-anchor:start}
.axis,.grid{stroke:var(--soft);stroke-width:1}
.grid{stroke:var(--line)}.grid.zero{stroke:var(--soft)}
.bar{stroke:var(--cur);stroke-width:3;stroke-linecap:round}
.mark{fill:var(--cur)}.mark.doubtful{fill:var(--paper);stroke:var(--cur);stroke-width:2}
.ref{fill:var(--ref)}.cur{fill:var(--cur)}.cur.line{fill:none;stroke:var(--cur);stroke-width:1.8}
.ends span{overflow-wrap:normal}
.ends{display:flex;justify-content:space-between;gap:.5rem;color:var(--soft);font-size:.72rem;
line-height:1.3}
.spread{justify-content:space-around;text-align:center}
.key{display:inline-block;width:1.6em;height:.75em;vertical-align:baseline;margin-right:.3em}
ul{padding-left:1.2rem;margin:.4rem 0}
pre{background:var(--panel);border:1px solid var(--line);border-radius:6px;padding:.7rem .9rem;
white-space:pre-wrap;font-size:.85rem}
summary{cursor:pointer}
@media screen and (max-width:44rem){
body{padding:1rem .9rem 2rem}
thead{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
table,caption,tbody,tr,tbody th,td{display:block}
tr{border:1px solid var(--line);border-radius:6px;margin:0 0 .8rem;padding:.5rem .8rem}
tbody th{border:0;padding:.1rem 0 .3rem;font-size:1rem}
td{border:0;padding:.2rem 0;display:flex;gap:.8rem}
td::before{content:attr(data-label);flex:0 0 7.5rem;color:var(--soft);font-size:.85rem}
td>div{flex:1;min-width:0}
th small,td small{display:inline;margin-left:.5em}
.columns td:nth-child(2)::before{display:none}
.picture{width:20rem}
.picture>svg{width:100%}
}
@media print{
@page{margin:14mm}
body{max-width:none;padding:0;font-size:10.5pt}
table{font-size:8.5pt}
caption,.soft,figcaption{font-size:9pt}
.ends{font-size:7pt}
th,td{padding:.3rem .5rem .3rem 0}
.picture{width:150px}
tr,figure,.verdict{break-inside:avoid}
h2,caption,thead{break-after:avoid}
thead{display:table-header-group}
.verdict,pre{print-color-adjust:exact;-webkit-print-color-adjust:exact}
details:not([open]){display:none}
}
"""
