// The map in two dimensions. Streamlit calls `show` with every message that `message.py` and
// `mount.py` make; points, colours and cards are fetched from the routes of `routes.py` by their
// names. Texts of data are set as text alone; what Plotly gets was escaped on the server.

const DWELL_MS = 120;
// Plotly draws more than these without WebGL, but nobody would wait for it.
const MOST_WITHOUT_WEBGL = 10_000;
// Of a name on the map, in letters; the legend and the card have more room.
const NAME_LENGTH = 24;
const NAME_FONT = "600 13px sans-serif";
// More take a common graphics card longer than a frame as well.
const MOST_DRAWN_AT_ONCE = 50_000;
// Colours of a scale.
const STEPS = 33;
// How much of their opacity is left to points that are pale.
const PALE = 0.2;
// What is looked at when it is no row: the picture that was placed.
const PLACED = "placed";
// Pixels around its cross.
const NEAR_PLACED = 12;
const SVG = "http://www.w3.org/2000/svg";

const maps = new WeakMap();
// How a map was left, by the name of its points: whoever comes back finds it so.
const left = new Map();

export default function show({ data, parentElement, setTriggerValue }) {
  const map = maps.get(parentElement) ?? new OrchardMap(parentElement);
  maps.set(parentElement, map);
  map.select = (rows) => setTriggerValue("selection", { rows, cards: map.data.cards });
  map.show(data);
  return () => map.close();
}

class OrchardMap {
  constructor(parent) {
    this.root = made("div", "orchard-map", parent);
    this.root.setAttribute("role", "figure");
    this.plot = made("div", "plot", this.root);
    this.over = document.createElementNS(SVG, "svg");
    this.over.classList.add("over");
    this.over.setAttribute("aria-hidden", "true");
    this.root.append(this.over);
    this.card = made("div", "card", this.root);
    this.card.hidden = true;
    const ways = made("div", "ways", this.root);
    this.near = way("near", "Zoom to the rings", ways, () => this.goTo(this.around()));
    this.all = way("all", "Back to all", ways, () => this.goTo(this.spans));
    this.legend = made("div", "legend", this.root);
    this.said = made("p", "said", this.root);
    this.said.hidden = true;
    this.selected = null; // rows, or null: then nothing is pale
    this.hidden = new Set(); // groups that the legend has switched off
    this.only = null; // the group that the pointer is on in the legend: the others are pale
    this.fetched = new Map(); // names of numbers -> promises of their bytes
    this.webgl = hasWebgl();
    this.resized = new ResizeObserver(() => this.fit());
    this.resized.observe(this.root);
  }

  // Messages may come faster than they are drawn: the last one counts. The same message comes again
  // when the theme is another one.
  show(data) {
    this.wanted = { data };
    this.drawing ??= this.catchUp().finally(() => { this.drawing = null; });
  }

  async catchUp() {
    while (this.wanted !== this.shown && !this.closed) {
      const wanted = this.wanted;
      performance.mark("orchard-map-told"); // for the benchmark
      try {
        await this.draw(wanted.data);
        this.say("");
      } catch (error) {
        // Of a message that has been overtaken nothing may be there any more.
        if (wanted === this.wanted) this.say(`The map cannot be drawn: ${error.message}`);
      }
      this.shown = wanted;
      performance.mark("orchard-map-drawn");
    }
  }

  async draw(data) {
    const [Plotly, xy, painted, pale, dense] = await Promise.all([
      plotly(data.plotly),
      this.numbers(data, data.points),
      this.numbers(data, data.paint.numbers),
      data.pale && this.numbers(data, data.pale),
      data.density && this.numbers(data, data.density),
    ]);
    if (this.closed) return;
    const before = this.data;
    const theme = themeOf(this.root);
    this.Plotly = Plotly;
    this.data = data;
    this.theme = theme;
    this.root.setAttribute("aria-label", data.alt);
    const isNew = before?.points !== data.points;
    if (isNew) {
      const all = new Float32Array(xy);
      this.x = all.subarray(0, data.rows);
      this.y = all.subarray(data.rows);
      this.spans = [span(this.x), span(this.y)];
      this.selected = left.get(data.points)?.selected ?? null;
    } else if (before.cleared !== data.cleared) {
      this.selected = null;
    }
    const look = JSON.stringify([data.points, data.paint, data.pale, data.size, data.opacity, data.cleared, theme]);
    if (look !== this.look || data.image_format !== before.image_format) {
      await this.drawPoints(data, painted, pale && new Uint8Array(pale), theme, { isNew, isCleared: !isNew && before.cleared !== data.cleared });
      this.look = look;
    }
    if (before?.density !== data.density) this.takeLines(dense && new Float32Array(dense));
    if (this.looked === PLACED && before?.placed !== data.placed) this.look_away();
    this.drawMarks();
  }

  // Plotly writes down what the wheel did a moment after it turned, and would undo this.
  goTo(ranges) {
    this.isUndone = this.isMoving;
    this.aim = ranges;
    this.Plotly.relayout(this.plot, { "xaxis.range": [...ranges[0]], "yaxis.range": [...ranges[1]] });
  }

  // What is marked with room around it, and never so little that nothing else is in sight; null
  // without marks.
  around() {
    const { ringed, ends, centre, query } = this.data.marks;
    const rows = [...ringed, ...ends, ...(centre === null ? [] : [centre])];
    if (!rows.length && !query) return null;
    return [this.x, this.y].map((values, at) => {
      const [low, high] = endsOf([...rows.map((row) => values[row]), ...(query ? [query[at]] : [])]);
      const least = 0.04 * (this.spans[at][1] - this.spans[at][0]);
      const half = Math.max(0.65 * (high - low), least / 2);
      return [(low + high) / 2 - half, (low + high) / 2 + half];
    });
  }

  // Whether what is marked is a small part of what is shown, or not in sight.
  isSmall(ranges) {
    return ["xaxis", "yaxis"].every((name, at) => {
      const [from, to] = this.plot._fullLayout[name].range;
      return ranges[at][1] - ranges[at][0] < 0.5 * (to - from);
    });
  }

  // Whether a point may lie outside of what is shown.
  isPart() {
    return ["xaxis", "yaxis"].some((name, at) => {
      const [from, to] = this.plot._fullLayout[name].range;
      const [low, high] = this.spans[at];
      const room = (high - low) / 22; // `span` leaves as much beside the outermost points
      return from > low + room || to < high - room;
    });
  }

  async drawPoints(data, painted, pale, theme, { isNew, isCleared }) {
    this.release(); // what is drawn now is more than a movement
    if (this.paint !== data.paint.numbers || isNew) {
      this.groups = this.grouped(data, painted);
      this.hidden.clear();
      this.only = null;
      if (data.named) for (const group of this.groups) group.middle = densest(group);
    }
    this.paint = data.paint.numbers;
    this.parts = parted(this.groups, pale);
    const traces = this.parts.map((part) => this.trace(part, data));
    const layout = this.layout(data, theme, { isNew, isCleared });
    const config = {
      displaylogo: false,
      scrollZoom: true,
      displayModeBar: true,
      // Plotly would draw four pixels for each of a common screen.
      plotGlPixelRatio: window.devicePixelRatio || 1,
      modeBarButtons: [
        [{
          name: "toImage",
          title: "Download plot as a picture",
          icon: this.Plotly.Icons.camera,
          click: () => this.save(),
        }],
        ["zoom2d", "pan2d", "select2d", "lasso2d"],
        ["zoomIn2d", "zoomOut2d", "autoScale2d", "resetScale2d"],
      ],
    };
    await this.Plotly.react(this.plot, traces, layout, config);
    if (!this.listens) this.listen();
    this.holdable();
    this.drawLegend();
  }

  // One group a trace: rows that look alike, what lies below first. Plotly takes a colour for each
  // point as well, but much longer.
  grouped(data, painted) {
    const { paint, rows } = data;
    const codes = paint.categories ? new Int16Array(painted) : steps(paint, new Float32Array(painted));
    const styles = paint.categories ?? stepStyles(paint);
    const counts = new Uint32Array(styles.length + 1);
    for (let row = 0; row < rows; row++) counts[codes[row] + 1]++;
    const groups = [{ ...paint.rest, symbol: "circle", isRest: true }, ...styles].map(
      (style, place) => ({
        ...style,
        rows: new Int32Array(counts[place]),
        x: new Float32Array(counts[place]),
        y: new Float32Array(counts[place]),
      }),
    );
    const filled = new Uint32Array(groups.length);
    for (let row = 0; row < rows; row++) {
      const place = codes[row] + 1;
      const at = filled[place]++;
      groups[place].rows[at] = row;
      groups[place].x[at] = this.x[row];
      groups[place].y[at] = this.y[row];
    }
    // A name of the legend stands there whether it has points or not.
    return groups.filter((group) => group.rows.length || (paint.categories && !group.isRest));
  }

  trace(part, data) {
    const marker = {
      size: data.size,
      opacity: this.opacity(part),
      color: part.colour,
      symbol: part.symbol,
    };
    return {
      type: this.webgl ? "scattergl" : "scatter",
      mode: "markers",
      ...this.drawable(part),
      marker,
      name: escaped(part.name),
      visible: !this.hidden.has(part.place),
      // The card says what there is to say; Plotly only says which point it is.
      hoverinfo: "none",
      selectedpoints: this.selectedOf(part.rows),
    };
  }

  opacity({ place, isRest, isPale }) {
    const own = this.data.opacity * (isRest ? 0.5 : 1) * (isPale ? PALE : 1);
    return this.only === null || this.only === place ? own : own / 8;
  }

  // All points of a part, or without WebGL as many as can be drawn.
  drawable(part) {
    const step = this.webgl ? 1 : Math.ceil(this.data.rows / MOST_WITHOUT_WEBGL);
    if (step === 1) return { x: part.x, y: part.y, customdata: part.rows };
    const some = (values) => values.filter((_, place) => place % step === 0);
    return { x: some(part.x), y: some(part.y), customdata: some(part.rows) };
  }

  selectedOf(rows) {
    if (!this.selected) return null;
    const places = [];
    for (let at = 0; at < rows.length; at++) if (this.selected.has(rows[at])) places.push(at);
    return places;
  }

  // Plotly writes what a person does (range, tool, lasso) into the layout it was given.
  layout(data, theme, { isNew, isCleared }) {
    const kept = isNew ? left.get(data.points) ?? {} : this.plot.layout;
    const axis = { visible: false, showgrid: false, zeroline: false };
    // Never by itself: what the legend switches off would move the rest.
    const ranged = (name, at) => ({ range: [...(kept[name]?.range ?? this.spans[at])], autorange: false });
    return {
      // On a phone a tall figure would be empty above and below the points.
      height: Math.min(data.height, Math.max(320, this.root.clientWidth)),
      // Neither points nor names under the tools.
      margin: { l: 0, r: 0, t: 40, b: 0 },
      paper_bgcolor: theme.background,
      plot_bgcolor: theme.background,
      font: { family: theme.font, color: theme.text },
      modebar: { bgcolor: "rgba(0,0,0,0)", color: theme.grey, activecolor: theme.text },
      // Ours stands below: Plotly's would take room from the points, as much as its words need.
      showlegend: false,
      // As other maps: dragging moves, the wheel zooms, a click selects.
      dragmode: kept.dragmode ?? "pan",
      clickmode: "event+select",
      hovermode: "closest",
      // A finger, too, is near a point.
      hoverdistance: 20,
      selections: isCleared ? [] : kept.selections ?? [],
      xaxis: { ...axis, ...ranged("xaxis", 0) },
      // One scale for both directions: a stretched map would lie about distances.
      yaxis: { ...axis, ...ranged("yaxis", 1), scaleanchor: "x" },
    };
  }

  listen() {
    this.listens = true;
    this.plot.on("plotly_hover", ({ points }) => this.dwell(this.isAtPlaced ? PLACED : this.rowOf(points[0])));
    this.plot.on("plotly_unhover", () => { if (!this.isAtPlaced) this.look_away(); });
    this.plot.on("plotly_click", ({ points }) => this.lookAt(this.isAtPlaced ? PLACED : this.rowOf(points[0])));
    // The cross is not Plotly's; before it, which looks for a point.
    this.plot.addEventListener("mousemove", (event) => {
      const was = this.isAtPlaced;
      this.isAtPlaced = this.reachesPlaced(event);
      if (this.isAtPlaced && !was) this.dwell(PLACED);
      else if (was && !this.isAtPlaced && this.looked === PLACED) this.look_away();
    }, true);
    this.plot.addEventListener("mouseleave", () => {
      this.isAtPlaced = false;
      if (this.looked === PLACED) this.look_away();
    });
    this.plot.on("plotly_selected", (event) => {
      // Plotly says nothing of an empty selection while it redraws.
      if (event) this.take(event.points.map((point) => this.rowOf(point)));
    });
    this.plot.on("plotly_deselect", () => this.take([]));
    for (const moved of ["plotly_relayouting", "plotly_relayout"]) {
      this.plot.on(moved, () => { this.look_away(); this.follow(); this.drawMarks(); });
    }
    for (const start of ["pointerdown", "wheel"]) {
      this.plot.addEventListener(start, () => { this.isMoving = this.isUndone = false; }, true);
    }
    this.plot.on("plotly_relayouting", () => { this.isMoving = true; });
    this.plot.on("plotly_relayout", (changes) => {
      if ("xaxis.range" in changes) return; // `goTo`: a person's movement names both ends apart
      this.isMoving = false;
      if (this.isUndone) this.goTo(this.aim);
    });
    this.plot.addEventListener("pointerdown", ({ target }) => {
      const isScene = this.plot._fullLayout._plots.xy?._scene?.draw.isHoldable;
      if (isScene && this.plot._fullLayout.dragmode === "pan" && target.classList.contains("nsewdrag")) this.hold();
    });
    // Before Plotly ends the movement with a drawing of its own.
    this.letGo = () => this.release();
    for (const end of ["pointerup", "pointercancel"]) window.addEventListener(end, this.letGo, true);
    this.plot.on("plotly_afterplot", () => this.drawMarks());
  }

  // Where the processor draws, many points take longer than a frame. While the map is dragged their
  // drawing is moved as a picture, and drawn anew when the pointer rests or lets go.
  holdable() {
    const { _plots: plots, _glcanvas: canvases } = this.plot._fullLayout;
    const scene = plots.xy?._scene;
    if (!scene || scene.draw.isHoldable || !(drawsBySoftware() || this.data.rows > MOST_DRAWN_AT_ONCE)) return;
    const isHeld = () => this.heldAt !== undefined;
    const { update, draw } = scene;
    scene.draw = unless(isHeld, draw);
    scene.update = (options) => {
      if (isHeld()) this.afterwards = () => { update(options); canvases.each(({ regl }) => regl?.clear({ color: true, depth: true })); scene.draw(); };
      else update(options);
    };
    canvases.each(({ regl }) => {
      if (regl && !regl.clear.isHoldable) regl.clear = unless(isHeld, regl.clear);
    });
  }

  hold() {
    const { x, y } = this.axes();
    this.heldAt = [x(this.x[0]), y(this.y[0])];
  }

  follow() {
    if (this.heldAt === undefined) return;
    const { x, y } = this.axes();
    const [dx, dy] = [x(this.x[0]) - this.heldAt[0], y(this.y[0]) - this.heldAt[1]];
    this.plot.querySelector(".gl-container").style.transform = `translate(${dx}px, ${dy}px)`;
    clearTimeout(this.resting);
    this.resting = setTimeout(() => { this.release(); this.hold(); }, 250);
  }

  release() {
    clearTimeout(this.resting);
    if (this.heldAt === undefined) return;
    this.heldAt = undefined;
    this.plot.querySelector(".gl-container").style.transform = "";
    this.afterwards?.();
    this.afterwards = undefined;
  }

  rowOf(point) {
    return point.customdata;
  }

  take(rows) {
    this.selected = rows.length ? new Set(rows) : null;
    this.select([...(this.selected ?? [])]);
  }

  drawLegend() {
    const { paint } = this.data;
    if (!paint.categories) {
      this.legend.replaceChildren();
      made("span", "title", this.legend).textContent = paint.title;
      made("span", "", this.legend).textContent = short(paint.low);
      made("span", "scale", this.legend).style.background = `linear-gradient(to right, ${paint.scale.join(", ")})`;
      made("span", "", this.legend).textContent = short(paint.high);
      return;
    }
    // What has the focus keeps it.
    const entries = [...this.legend.querySelectorAll(":scope > button")];
    const same = entries.length === this.groups.length && entries.every((e, i) => e.title === this.groups[i].name);
    if (!same) this.legend.replaceChildren();
    this.groups.forEach((group, place) => {
      const entry = same ? entries[place] : this.legendEntry(group, place);
      entry.firstChild.replaceChildren(sign(group));
      entry.setAttribute("aria-pressed", String(!this.hidden.has(place)));
    });
  }

  legendEntry(group, place) {
    const entry = made("button", "", this.legend);
    entry.type = "button";
    entry.title = group.name;
    entry.append(shape("svg", { width: 14, height: 14, viewBox: "-7 -7 14 14", "aria-hidden": "true" }));
    made("span", "", entry).textContent = group.name;
    entry.addEventListener("click", () => {
      if (!this.hidden.delete(place)) this.hidden.add(place);
      this.hide();
    });
    entry.addEventListener("dblclick", () => {
      const alone = this.hidden.size === this.groups.length - 1 && !this.hidden.has(place);
      this.hidden = new Set(alone ? [] : [...this.groups.keys()].filter((other) => other !== place));
      this.hide();
    });
    // Not for a pointer on its way across.
    const stay = (only) => () => {
      clearTimeout(this.staying);
      this.staying = setTimeout(() => this.showOnly(only), DWELL_MS);
    };
    for (const kind of ["pointerenter", "focus"]) entry.addEventListener(kind, stay(place));
    for (const kind of ["pointerleave", "blur"]) entry.addEventListener(kind, stay(null));
    return entry;
  }

  showOnly(place) {
    if (this.closed || this.only === place) return;
    this.only = place;
    this.Plotly.restyle(this.plot, { "marker.opacity": this.parts.map((part) => this.opacity(part)) });
  }

  hide() {
    this.Plotly.restyle(this.plot, { visible: this.parts.map(({ place }) => !this.hidden.has(place)) });
    this.drawLegend();
  }

  // What lies over the points: rings, lines to true neighbours, a placed picture.
  drawMarks() {
    const { x, y } = this.axes() ?? {};
    if (!x) return;
    this.all.hidden = !this.isPart();
    const ranges = this.around();
    this.near.hidden = !ranges || !this.isSmall(ranges);
    const { marks, ink } = this.data;
    const at = (row) => this.pixels(row);
    const shapes = [];
    const start = marks.centre !== null ? at(marks.centre) : marks.query && [x(marks.query[0]), y(marks.query[1])];
    if (start) {
      for (const end of marks.ends) shapes.push(line(start, at(end), { stroke: ink }));
    }
    for (const row of new Set([...marks.ringed, ...marks.ends])) shapes.push(ring(at(row), 5.5, { stroke: ink }));
    if (marks.centre !== null) shapes.push(ring(start, 12, { stroke: ink }));
    else if (marks.query) shapes.push(...cross(start, 6, { stroke: ink }));
    if (this.looked !== undefined) shapes.push(ring(at(this.looked), 9, { stroke: ink, "stroke-width": 2.5, class: "looked" }));
    const clip = document.createElementNS(SVG, "svg");
    const { left: l, top, width, height } = this.axes();
    for (const [name, value] of Object.entries({ x: l, y: top, width, height })) clip.setAttribute(name, value);
    // Its own corner is where the points' is.
    clip.setAttribute("viewBox", `${l} ${top} ${width} ${height}`);
    clip.append(...this.lines(x, y), ...this.names(x, y), ...shapes);
    this.over.replaceChildren(clip);
  }

  takeLines(corners) {
    const count = corners?.length / 2;
    this.corners = corners && { x: corners.subarray(0, count), y: corners.subarray(count) };
    this.dense = corners && outline(this.corners);
  }

  // Lines of equal density over the points, which would hide them. They tell of all points, or of none.
  lines(x, y) {
    if (!this.dense || this.hidden.size) return [];
    const { ink } = this.data;
    const transform = `matrix(${x(1) - x(0)} 0 0 ${y(1) - y(0)} ${x(0)} ${y(0)})`;
    const drawn = { d: this.dense, transform, "vector-effect": "non-scaling-stroke", class: "density" };
    return [
      shape("path", { ...drawn, stroke: this.theme.background, "stroke-width": 3, "stroke-opacity": 0.4 }),
      shape("path", { ...drawn, stroke: ink, "stroke-width": 1, "stroke-opacity": 0.75 }),
    ];
  }

  // Names of classes where most of their points are, the largest first; what would cover another
  // one is moved, and left out where there is no room.
  names(x, y) {
    if (!this.data.named) return [];
    const { text, background } = this.theme;
    const { left: edge, width: room } = this.axes();
    const inside = (at, width) => Math.max(edge + width / 2, Math.min(at, edge + room - width / 2));
    const taken = [];
    const shown = [];
    const bySize = [...this.groups.entries()].filter(([place, group]) => group.middle && !group.isRest && !this.hidden.has(place));
    bySize.sort(([, one], [, other]) => other.rows.length - one.rows.length);
    for (const [, group] of bySize) {
      const cy = y(group.middle[1]);
      const name = group.name.length > NAME_LENGTH ? `${group.name.slice(0, NAME_LENGTH - 1)}…` : group.name;
      const width = widthOf(name) + 6;
      for (const [dx, dy] of [[0, -16], [0, 16], [width / 2 + 10, 0], [-width / 2 - 10, 0], [0, -34], [0, 34], [0, 0]]) {
        const own = x(group.middle[0]);
        // Whole as long as its points are in sight.
        const cx = own < edge || own > edge + room ? own + dx : inside(own + dx, width);
        const box = [cx - width / 2, cy + dy - 9, cx + width / 2, cy + dy + 9];
        if (taken.some((other) => overlap(box, other))) continue;
        taken.push(box);
        const label = shape("text", {
          x: cx, y: cy + dy + 4, "text-anchor": "middle", class: "name", fill: text,
          stroke: background, "stroke-width": 3, "paint-order": "stroke", "stroke-linejoin": "round",
        });
        label.textContent = name;
        shown.push(label);
        break;
      }
    }
    return shown;
  }

  // From places on the map to pixels of the figure.
  axes() {
    const { xaxis, yaxis } = this.plot._fullLayout ?? {};
    if (!xaxis?._length) return null;
    return {
      x: (value) => xaxis._offset + xaxis.d2p(value),
      y: (value) => yaxis._offset + yaxis.d2p(value),
      left: xaxis._offset,
      top: yaxis._offset,
      width: xaxis._length,
      height: yaxis._length,
    };
  }

  // A card is asked for when the pointer has stayed on a point, not whenever it comes across one.
  dwell(row) {
    clearTimeout(this.timer);
    if (row === this.looked) return;
    this.timer = setTimeout(() => this.lookAt(row), DWELL_MS);
  }

  async lookAt(row) {
    clearTimeout(this.timer);
    if (row === undefined) return;
    this.looked = row;
    this.drawMarks();
    const { token, cards, placed } = this.data;
    const path = row === PLACED ? `placed/${placed}` : `cards/${cards}/${row}`;
    let told;
    try {
      told = await (await answer(`map/${token}/${path}`)).json();
    } catch (error) {
      told = { label: "", file: "", about: "", picture: "", problem: error.message };
    }
    if (this.looked === row && !this.closed) this.fill(row, told);
  }

  // Where a row or the placed picture lies in the figure.
  pixels(row) {
    const { x, y } = this.axes();
    const [across, up] = row === PLACED ? this.data.marks.query : [this.x[row], this.y[row]];
    return [x(across), y(up)];
  }

  reachesPlaced({ clientX, clientY }) {
    if (!this.data.placed || !this.axes()) return false;
    const box = this.plot.getBoundingClientRect();
    const [x, y] = this.pixels(PLACED);
    return Math.hypot(clientX - box.left - x, clientY - box.top - y) <= NEAR_PLACED;
  }

  look_away() {
    clearTimeout(this.timer);
    if (this.looked === undefined) return;
    this.looked = undefined;
    this.card.hidden = true;
    this.drawMarks();
  }

  fill(row, { label, file, about, picture, problem }) {
    this.card.replaceChildren();
    this.card.dataset.row = row;
    if (picture) {
      const image = made("img", "", this.card);
      image.alt = `${label}, ${file}`;
      image.src = picture;
    }
    for (const [kind, text] of [["strong", label], ["file", file], ["about", about], ["problem", problem]]) {
      if (text) made(kind === "strong" ? "strong" : "div", kind, this.card).textContent = text;
    }
    this.card.hidden = false;
    const [x, y] = this.pixels(row);
    const { offsetWidth: width, offsetHeight: height } = this.card;
    const right = x + 16 + width <= this.root.clientWidth;
    this.card.style.left = `${Math.max(0, right ? x + 16 : x - 16 - width)}px`;
    this.card.style.top = `${Math.max(0, Math.min(y - height / 2, this.root.clientHeight - height))}px`;
  }

  // The picture that the camera saves has the marks in it, which are not Plotly's on the page.
  save() {
    const { marks, ink, image_format: format } = this.data;
    const type = this.webgl ? "scattergl" : "scatter";
    const quiet = { type, hoverinfo: "skip", showlegend: false };
    const places = (rows) => ({ x: rows.map((row) => this.x[row]), y: rows.map((row) => this.y[row]) });
    const rings = (rows, size) => ({
      ...quiet, ...places(rows), mode: "markers",
      marker: { size, color: ink, symbol: "circle-open", line: { width: 1.5 } },
    });
    const over = [rings([...new Set([...marks.ringed, ...marks.ends])], 11)];
    const start = marks.centre !== null ? [this.x[marks.centre], this.y[marks.centre]] : marks.query;
    if (start) {
      const path = marks.ends.flatMap((end) => [start, [this.x[end], this.y[end]], [null, null]]);
      over.push({
        ...quiet, x: path.map((p) => p[0]), y: path.map((p) => p[1]), mode: "lines",
        line: { color: ink, width: 1 }, connectgaps: false,
      });
    }
    if (this.dense && !this.hidden.size) over.push({ ...quiet, ...this.corners, mode: "lines", line: { color: ink, width: 1 }, connectgaps: false });
    if (marks.centre !== null) over.push(rings([marks.centre], 24));
    else if (marks.query) {
      over.push({
        ...quiet, x: [marks.query[0]], y: [marks.query[1]], mode: "markers",
        marker: { size: 14, color: ink, symbol: "x" },
      });
    }
    const { width, height } = this.plot._fullLayout;
    const { paint } = this.data;
    const points = this.plot.data.map((trace, at) => (
      { ...trace, showlegend: Boolean(paint.categories) && this.parts[at].isNamed }));
    if (!paint.categories) {
      over.push({
        ...quiet, x: [null], y: [null], mode: "markers",
        marker: {
          color: [paint.low], cmin: paint.low, cmax: paint.high, showscale: true,
          colorscale: paint.scale.map((colour, step) => [step / (paint.scale.length - 1), colour]),
          colorbar: { title: { text: paint.title, side: "top" }, orientation: "h", y: 0, yanchor: "top", thickness: 12, len: 0.6 },
        },
      });
    }
    const layout = {
      ...this.plot.layout,
      width,
      height: height + 60,
      margin: { l: 0, r: 0, t: 8, b: 60 },
      showlegend: true,
      legend: { orientation: "h", yanchor: "top", y: 0, itemsizing: "constant" },
    };
    return this.Plotly.downloadImage({ data: [...points, ...over], layout }, {
      format, filename: "map", scale: 2, width, height: height + 60,
    });
  }

  numbers(data, name) {
    if (!this.fetched.has(name)) {
      const bytes = answer(`map/${data.token}/numbers/${name}`).then((found) => found.arrayBuffer());
      bytes.catch(() => this.fetched.delete(name));
      this.fetched.set(name, bytes);
      // What is drawn now; others are fetched again, from the browser's memory.
      for (const old of this.fetched.keys()) {
        if (this.fetched.size <= 5) break;
        if (![data.points, data.paint.numbers, data.pale, data.density].includes(old)) this.fetched.delete(old);
      }
    }
    return this.fetched.get(name);
  }

  say(text) {
    const step = this.data && !this.webgl ? Math.ceil(this.data.rows / MOST_WITHOUT_WEBGL) : 1;
    const without = this.webgl ? "" : "This browser has no WebGL, so the map is drawn slowly"
      + (step > 1 ? `, and only one point of ${step} is on it` : "") + ".";
    this.said.textContent = text || without;
    this.said.hidden = !this.said.textContent;
  }

  fit() {
    if (this.listens && !this.closed && this.root.clientWidth) this.Plotly.Plots.resize(this.plot);
  }

  close() {
    this.closed = true;
    clearTimeout(this.timer);
    clearTimeout(this.staying);
    clearTimeout(this.resting);
    for (const end of ["pointerup", "pointercancel"]) window.removeEventListener(end, this.letGo, true);
    this.resized.disconnect();
    if (!this.listens) return;
    const { xaxis, yaxis, dragmode, selections } = this.plot.layout;
    left.set(this.data.points, { xaxis, yaxis, dragmode, selections, selected: this.selected });
    this.Plotly.purge(this.plot);
  }
}

const unless = (held, work) => Object.assign((...given) => { if (!held()) work(...given); }, { isHoldable: true });

// The page lies beside the routes, wherever the app itself is served.
function address(path) {
  return new URL(path, location.origin + location.pathname.replace(/[^/]*\/?$/, ""));
}

async function answer(path) {
  const found = await fetch(address(path));
  if (!found.ok) throw new Error(await found.text());
  return found;
}

// Once for all maps of this tab.
function plotly(path) {
  window.orchardPlotly ??= new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = address(path);
    script.addEventListener("load", () => resolve(window.Plotly));
    script.addEventListener("error", () => {
      window.orchardPlotly = null;
      reject(new Error("Plotly did not load. Load the page again."));
    });
    document.head.append(script);
  });
  return window.orchardPlotly;
}

// What draws: null without WebGL. Asked once a tab, since it takes a context.
let drawer;
function webglDrawer() {
  if (drawer !== undefined) return drawer;
  drawer = null;
  try {
    const context = document.createElement("canvas").getContext("webgl");
    const told = context?.getExtension("WEBGL_debug_renderer_info");
    if (context) drawer = String(context.getParameter(told ? told.UNMASKED_RENDERER_WEBGL : context.RENDERER));
    context?.getExtension("WEBGL_lose_context")?.loseContext();
  } catch {
    // Some browsers throw instead.
  }
  return drawer;
}
const hasWebgl = () => webglDrawer() !== null;
const drawsBySoftware = () => /swiftshader|llvmpipe|software|basic render/i.test(webglDrawer() ?? "");

function themeOf(element) {
  const style = getComputedStyle(element);
  const read = (name) => style.getPropertyValue(`--st-${name}`).trim();
  return {
    background: read("background-color"),
    text: read("text-color"),
    grey: "#8A8780",
    font: read("font"),
  };
}

function made(kind, name, parent) {
  const element = document.createElement(kind);
  if (name) element.className = name;
  parent.append(element);
  return element;
}

function way(name, text, parent, go) {
  const button = made("button", name, parent);
  button.type = "button";
  button.textContent = text;
  button.hidden = true;
  button.addEventListener("click", go);
  return button;
}

function shape(kind, attributes) {
  const element = document.createElementNS(SVG, kind);
  for (const [name, value] of Object.entries({ fill: "none", ...attributes })) element.setAttribute(name, value);
  return element;
}

// Words of data as Plotly takes them, which reads some HTML.
function escaped(text) {
  const signs = { "&": "&amp;", "<": "&lt;", ">": "&gt;" };
  return text.replace(/[&<>]/g, (sign) => signs[sign]);
}

// The step of each value on its scale, -1 where there is none; what is worth a look has the highest
// and so lies on top.
function steps({ low, high, notable_high }, values) {
  return Int16Array.from(values, (value) => {
    if (Number.isNaN(value)) return -1;
    const share = Math.max(0, Math.min((value - low) / (high - low), 1));
    return Math.round((STEPS - 1) * (notable_high ? share : 1 - share));
  });
}

// Lines as one path in the map's own units, where NaN stands between them.
function outline({ x, y }) {
  let [path, isNew] = ["", true];
  for (let at = 0; at < x.length; at++) {
    if (!Number.isNaN(x[at])) path += `${isNew ? "M" : "L"}${x[at]} ${y[at]}`;
    isNew = Number.isNaN(x[at]);
  }
  return path;
}

// The parts of groups that look alike, in the order they are drawn: what is pale lies below.
function parted(groups, pale) {
  const all = groups.map((group, place) => ({ ...group, place, isPale: false, isNamed: true }));
  if (!pale) return all;
  const some = (part, isPale) => {
    const takes = Array.from(part.rows, (row) => Boolean(pale[row]) === isPale);
    const [rows, x, y] = [part.rows, part.x, part.y].map((values) => values.filter((_, at) => takes[at]));
    return { ...part, rows, x, y, isPale };
  };
  const faded = all.map((part) => some(part, true));
  const kept = all.map((part) => some(part, false));
  // One entry of the legend a group.
  faded.forEach((part, place) => { part.isNamed = kept[place].rows.length === 0; });
  kept.forEach((part, place) => { part.isNamed = !faded[place].isNamed; });
  return [...faded, ...kept];
}

function stepStyles({ scale, notable_high }) {
  const parts = scale.map((colour) => [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16)));
  return Array.from({ length: STEPS }, (_, step) => {
    const share = (notable_high ? step : STEPS - 1 - step) / (STEPS - 1);
    const at = Math.min(Math.floor(share * (parts.length - 1)), parts.length - 2);
    const rest = share * (parts.length - 1) - at;
    const mixed = parts[at].map((part, place) => Math.round(part + rest * (parts[at + 1][place] - part)));
    return { name: "", colour: `rgb(${mixed.join(", ")})`, symbol: "circle" };
  });
}

const field = (value, [from, to]) => Math.floor((16 * (value - from)) / (to - from));

// Where most of a group's points are: the middle of the fullest of 16 x 16 fields and what is around
// it. A mean could lie where none are.
function densest({ x, y }) {
  if (!x.length) return null;
  const [across, up] = [span(x), span(y)];
  const counts = new Uint32Array(18 * 18);
  const places = Uint16Array.from(x, (value, at) => 18 * (field(y[at], up) + 1) + field(value, across) + 1);
  for (const place of places) counts[place]++;
  const around = (place) => {
    let sum = 0;
    for (const row of [-18, 0, 18]) for (const column of [-1, 0, 1]) sum += counts[place + row + column];
    return sum;
  };
  let best = places[0];
  let most = 0;
  for (const place of new Set(places)) {
    if (around(place) > most) [best, most] = [place, around(place)];
  }
  const near = new Set([-18, 0, 18].flatMap((row) => [best + row - 1, best + row, best + row + 1]));
  const [sum_x, sum_y] = places.reduce(
    ([a, b], place, at) => (near.has(place) ? [a + x[at], b + y[at]] : [a, b]), [0, 0],
  );
  return [sum_x / most, sum_y / most];
}

const pen = document.createElement("canvas").getContext("2d");
const widthOf = (text) => {
  pen.font = NAME_FONT;
  return pen.measureText(text).width;
};
const overlap = ([l1, t1, r1, b1], [l2, t2, r2, b2]) => l1 < r2 && l2 < r1 && t1 < b2 && t2 < b1;

function endsOf(values) {
  let [low, high] = [Infinity, -Infinity];
  for (const value of values) {
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return [low, high];
}

// From the least to the greatest, with room around it, also where all are one.
function span(values) {
  const [low, high] = endsOf(values);
  const room = 0.05 * (high - low) || 1;
  return [low - room, high + room];
}

const short = (number) => String(Number(number.toPrecision(3)));

const SIGNS = {
  circle: "M-5 0a5 5 0 1 0 10 0a5 5 0 1 0 -10 0z",
  diamond: "M0 -6L6 0L0 6L-6 0z",
  square: "M-5 -5H5V5H-5z",
  cross: "M-2 -6H2V-2H6V2H2V6H-2V2H-6V-2H-2z",
  x: "M-6 -3L-3 -6L0 -3L3 -6L6 -3L3 0L6 3L3 6L0 3L-3 6L-6 3L-3 0z",
};
const sign = ({ colour, symbol }) => shape("path", { d: SIGNS[symbol], fill: colour });

const line = ([x1, y1], [x2, y2], more) => shape("line", { x1, y1, x2, y2, ...more });
const ring = ([cx, cy], r, more) => shape("circle", { cx, cy, r, "stroke-width": 1.25, ...more });
const cross = ([x, y], r, more) => [
  line([x - r, y - r], [x + r, y + r], { "stroke-width": 4, ...more }),
  line([x - r, y + r], [x + r, y - r], { "stroke-width": 4, ...more }),
];
