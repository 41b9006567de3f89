"""The style of a report in a file: light and dark, on a phone and on paper."""

STYLE = """
:root { color-scheme: light dark; --page: #FFFFFF; --ink: #22211F; --soft: #5F5B55;
  --line: #DDD6CB; --track: #EFECE6; --below: #D55E00; --undecided: #8A8780; --reached: #009E73;
  --out: #C9C5BD; --caveat: #FFF6E0; }
@media (prefers-color-scheme: dark) { :root { --page: #16171A; --ink: #ECEAE6; --soft: #B5B1AA;
  --line: #3A3B40; --track: #25262A; --out: #56575C; --caveat: #33290F; } }
* { box-sizing: border-box; }
body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--page);
  max-width: 54rem; margin: 0 auto; padding: 1.5rem 1rem 3rem; }
h1 { font-size: 1.6rem; line-height: 1.25; margin: .25rem 0 .5rem; }
h2 { font-size: 1.2rem; margin: 2rem 0 .5rem; }
h3 { font-size: 1rem; margin: 1rem 0 .25rem; }
p { margin: .25rem 0; }
.soft, figcaption { color: var(--soft); font-size: .875rem; }
.head { display: flex; gap: 1.5rem; align-items: center; flex-wrap: wrap; }
.head > :last-child { flex: 1; min-width: 17rem; }
.big { font-size: 4rem; font-weight: 700; line-height: 1; }
.caveat { background: var(--caveat); border-left: 4px solid #E69F00; padding: .5rem .75rem;
  margin: 1rem 0; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .1rem 1rem; margin: .75rem 0; }
dt { color: var(--soft); }
dd { margin: 0; overflow-wrap: anywhere; }
.bars { display: grid; grid-template-columns: minmax(4rem, max-content) 1fr max-content;
  column-gap: .75rem; align-items: center; font-size: .875rem; }
.bars > :nth-child(3n+1) { overflow-wrap: anywhere; }
.bars svg { display: block; width: 100%; height: 1.4rem; }
.bars .number { font-variant-numeric: tabular-nums; white-space: nowrap; }
.track { fill: var(--track); }
.below { fill: var(--below); } .undecided { fill: var(--undecided); }
.reached { fill: var(--reached); } .out { fill: var(--out); }
.stripe { stroke: #FFFFFF; stroke-width: 2; opacity: .6; vector-effect: non-scaling-stroke; }
.whisker, .target { stroke: var(--ink); stroke-width: 1.5; vector-effect: non-scaling-stroke; }
.target { stroke-dasharray: 4 3; }
.key { display: inline-flex; gap: .35rem; align-items: center; margin-right: 1rem; }
.key svg { width: 1.2rem; height: .8rem; }
.row { display: flex; flex-wrap: wrap; gap: .5rem; }
figure { margin: 0; width: 6rem; }
figure img, figure .none { display: block; width: 6rem; height: 6rem; border-radius: 6px; }
figure .none { background: var(--track); }
figure.right img, figure.right .none { outline: 3px solid #009E73; outline-offset: -3px; }
figure.wrong img, figure.wrong .none { outline: 3px dashed #D55E00; outline-offset: -3px; }
figcaption { overflow-wrap: anywhere; line-height: 1.3; padding-top: .15rem; }
.pairs { display: grid; grid-template-columns: repeat(auto-fill, minmax(10.5rem, 1fr));
  gap: .5rem; }
details { margin-top: .75rem; border-top: 1px solid var(--line); padding-top: .5rem; }
summary { cursor: pointer; font-weight: 600; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: .875rem; }
th, td { padding: .25rem .5rem; border-bottom: 1px solid var(--line); text-align: right;
  white-space: nowrap; }
th:first-child, td:first-child { text-align: left; }
@media (max-width: 480px) { .big { font-size: 3rem; } .number small { display: none; }
  figure, figure img, figure .none { width: 5rem; } figure img, figure .none { height: 5rem; }
  figcaption { font-size: .7rem; } }
@media print { body { max-width: none; padding: 0; } details { display: none; }
  section, figure, .pair { break-inside: avoid; }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; } }
"""
