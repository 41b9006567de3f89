"""The map in two dimensions, drawn in the browser: sent once, then only what changes.

`message` says what the browser is told, `cards` what stands beside a point, `handouts` who may
fetch what, `routes` how; `mount` puts `map.js` and `map.css` on the page.
"""
