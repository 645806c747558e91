/** The style sheet of the report: light and dark, readable without colour, printable. */
export const STYLE = `
:root { color-scheme: light; --paper: #fff; --ink: #1b1f24; --dim: #57606a; --line: #d0d7de; --soft: #f4f6f8; --accent: #0b5cad; --hot: #a8320a; --heat: 11 92 173; }
:root[data-theme="dark"] { color-scheme: dark; --paper: #14181d; --ink: #e6e9ed; --dim: #a3acb6; --line: #3a424c; --soft: #1e242b; --accent: #7db7f5; --hot: #ff9d6e; --heat: 125 183 245; }
@media (prefers-color-scheme: dark) { :root:not([data-theme="light"]) { color-scheme: dark; --paper: #14181d; --ink: #e6e9ed; --dim: #a3acb6; --line: #3a424c; --soft: #1e242b; --accent: #7db7f5; --hot: #ff9d6e; --heat: 125 183 245; } }
* { box-sizing: border-box; }
html { scroll-behavior: smooth; scroll-padding-top: 5rem; }
@media (prefers-reduced-motion: reduce) { html { scroll-behavior: auto; } }
body { margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.5 system-ui, sans-serif; }
main, header > div { max-width: 72rem; margin: 0 auto; padding: 0 1.25rem; }
header { position: sticky; top: 0; z-index: 5; background: var(--paper); border-bottom: 1px solid var(--line); }
header > div { display: flex; flex-wrap: wrap; gap: .25rem 1rem; align-items: center; padding-block: .5rem; }
nav { display: flex; flex-wrap: wrap; gap: .25rem .9rem; flex: 1; }
a { color: var(--accent); }
h1 { font-size: 1.6rem; margin: 1.5rem 0 .5rem; line-height: 1.25; }
h2 { font-size: 1.25rem; margin: 2.5rem 0 .75rem; padding-top: .75rem; border-top: 1px solid var(--line); }
h3 { font-size: 1.05rem; margin: 1.5rem 0 .5rem; }
.skip { position: absolute; left: -99rem; } .skip:focus { left: 1rem; top: .5rem; background: var(--paper); padding: .5rem; z-index: 9; }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
button, input { font: inherit; color: inherit; background: var(--soft); border: 1px solid var(--line); border-radius: .35rem; padding: .2rem .6rem; }
button { cursor: pointer; }
.result { font-size: 1.08rem; padding-left: 1.2rem; } .result li { margin: .35rem 0; }
.failed { border-left: 5px solid var(--hot); padding-left: 1rem; }
.tiles { list-style: none; display: grid; grid-template-columns: repeat(auto-fit, minmax(10rem, 1fr)); gap: .75rem; padding: 0; }
.tiles li { background: var(--soft); border: 1px solid var(--line); border-radius: .5rem; padding: .6rem .8rem; color: var(--dim); }
.tiles b { display: block; font-size: 1.4rem; color: var(--ink); font-variant-numeric: tabular-nums; }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 32rem), 1fr)); gap: 1.5rem; margin-top: 1.25rem; }
figure { margin: 0; min-width: 0; } figcaption { font-weight: 600; } .unit { color: var(--dim); font-weight: 400; }
.plot { min-height: 17rem; } .reading { min-height: 1.5em; margin: .2rem 0; color: var(--dim); font-size: .9rem; }
.u-legend { font-size: .85rem; text-align: left; } .u-legend .u-marker { width: 1.6em; height: 0; border-width: 0 0 3px 0 !important; background: none !important; }
.u-axis, .u-legend th { color: var(--ink); }
.scroll { overflow: auto; max-height: 32rem; border: 1px solid var(--line); border-radius: .4rem; }
table { border-collapse: collapse; width: 100%; font-size: .92rem; }
caption { text-align: left; padding: .5rem .7rem; color: var(--dim); }
th, td { padding: .3rem .7rem; border-bottom: 1px solid var(--line); text-align: left; vertical-align: top; }
thead th { position: sticky; top: 0; background: var(--soft); z-index: 1; vertical-align: bottom; }
th.n, th.n .sort { text-align: right; } td.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.sort { border: 0; background: none; padding: 0; font-weight: 600; text-align: left; } .sort .mark:empty { display: none; }
.bar { display: block; background: linear-gradient(to right, rgb(var(--heat) / .22) var(--share), transparent var(--share)); padding: 0 .3rem; }
.gauge { display: grid; grid-template-columns: minmax(9rem, 12rem) 1fr minmax(9rem, 15rem); gap: .8rem; align-items: center; margin: .35rem 0; }
.track { height: 1rem; background: var(--soft); border: 1px solid var(--line); border-radius: .5rem; overflow: hidden; }
.track i { display: block; height: 100%; background: var(--accent); } .track.hot i { background: repeating-linear-gradient(45deg, var(--hot) 0 6px, var(--paper) 6px 9px); }
.strip { margin: .75rem 0 1rem; } .strip .lane { display: grid; grid-template-columns: 7.5rem 1fr; align-items: center; min-height: 1.7rem; }
.strip .name { color: var(--dim); font-size: .9rem; } .strip .line { position: relative; height: 1.7rem; margin: 0 1rem; border-bottom: 1px solid var(--line); }
.strip .mark, .strip .figures span { position: absolute; transform: translateX(-50%); bottom: 0; cursor: default; } .strip .figures { border: 0; } .strip .figures span { color: var(--dim); font-size: .8rem; white-space: nowrap; }
.strip .refusal, .strip .collision, .strip .wrong, .strip .death, .strip .deadlock { color: var(--hot); }
td:first-child { white-space: nowrap; } tbody tr:hover { background: var(--soft); } tr.found, tr.found:hover { background: color-mix(in srgb, var(--accent) 22%, var(--paper)); outline: 3px solid var(--accent); outline-offset: -3px; }
section:target h2 { border-top: 3px solid var(--accent); }
.search { display: flex; gap: .6rem; align-items: baseline; flex-wrap: wrap; }
.graphs { display: grid; gap: 1rem; margin: 1rem 0; } .graph .scroll { padding: .5rem; max-height: 36rem; } .graph svg { display: block; } .graph.deadlock .scroll { border: 2px solid var(--hot); }
td.heat { background: color-mix(in srgb, rgb(var(--heat)) calc(var(--share) * .5), transparent); text-align: right; font-size: .8rem; white-space: nowrap; }
dl { display: grid; grid-template-columns: repeat(auto-fill, minmax(17rem, 1fr)); gap: .35rem 1.5rem; } dt { color: var(--dim); font-size: .85rem; } dd { margin: 0; overflow-wrap: anywhere; }
details { margin: .5rem 0; } summary { cursor: pointer; color: var(--accent); }
footer { color: var(--dim); padding: 2rem 0 3rem; }
@media (max-width: 40rem) { .gauge { grid-template-columns: 1fr; gap: .1rem; } }
@media print { header, .plot, .reading, button { display: none; } .scroll { max-height: none; overflow: visible; } }
`;
