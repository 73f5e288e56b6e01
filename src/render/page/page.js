'use strict';
// Draws the page from the report's JSON (schema memtrace/1). Nothing of it is taken for HTML: all text goes
// through textContent.
(() => {
  const report = JSON.parse(document.getElementById('data').textContent);
  const page = document.getElementById('page');
  const tip = document.getElementById('tip');

  // element(tag, {attribute: value}, child…): strings become text, null is left out
  const element = (tag, attributes = {}, ...children) => {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (name === 'style') Object.assign(made.style, value);
      else if (name.startsWith('on')) made.addEventListener(name.slice(2), value);
      else if (value !== null && value !== false) made.setAttribute(name, value);
    }
    made.append(...children.filter((child) => child !== null && child !== undefined));
    return made;
  };

  const bytes = (n) => {
    if (n === null || n === undefined) return 'unknown';
    const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
    let i = 0, value = Math.abs(n);
    while (value >= 1024 && i < units.length - 1) { value /= 1024; i++; }
    return (n < 0 ? '−' : '') + (i ? value.toFixed(1) : value) + ' ' + units[i];
  };
  const count = (n) => n === null || n === undefined ? 'unknown' : n.toLocaleString('en-US');
  const duration = (s) => {
    if (s === null || s === undefined) return '';
    if (s < 1) return Math.round(s * 1000) + ' ms';
    for (const [limit, size, unit] of [[120, 1, 's'], [7200, 60, 'min'], [172800, 3600, 'h']])
      if (s < limit) return (s / size).toFixed(s / size < 10 ? 1 : 0) + ' ' + unit;
    return (s / 86400).toFixed(1) + ' days';
  };
  const error = (site) => site.live_bytes_stderr > 0 ? ' ± ' + bytes(Math.round(site.live_bytes_stderr)) : '';
  const share = (part, whole) => whole > 0 ? (100 * part / whole).toFixed(1) + ' %' : '';
  const base = (path) => path ? path.slice(path.lastIndexOf('/') + 1) : '';
  const name = (frame) => frame.function ??
    (frame.module ? base(frame.module) + '+' + (frame.module_offset ?? frame.address) : frame.address);
  const place = (frame) => frame.file ? frame.file + (frame.line ? ':' + frame.line : '') :
    (frame.module ?? '') + (frame.why ? ' (' + frame.why + ')' : '');
  const sites = report.sites.filter((site) => !site.backing);
  for (const site of sites) site.stack = site.stack.map((number) => report.frames[number]);
  const total = (key) => sites.reduce((sum, site) => sum + site[key], 0);

  // ---- head, verdict, figures ----
  const addHead = () => {
    const p = report.process, title = (p.comm ?? 'process') + ', pid ' + p.pid;
    const when = new Date(p.captured_at * 1000).toISOString().slice(0, 19).replace('T', ' ') + ' UTC';
    const states = { running: 'running', exited: 'exited with status ' + p.exit_status, killed: 'killed by signal ' + p.signal,
      replaced: 'replaced by another program', core: 'from a core file' };
    document.title = 'memtrace: ' + title;
    page.replaceChildren(
      element('h1', {}, title),
      element('div', { class: 'dim' }, (states[p.state] ?? p.state) + ' after ' +
        duration(p.captured_at - p.started_at) + ', seen ' + when),
      element('code', { class: 'dim' }, (p.cmdline ?? [p.exe]).join(' ')));
  };
  const addVerdict = () => {
    const v = report.verdict;
    if (!v) return;
    const card = element('div', { class: 'card verdict ' + (v.code ?? 'undecided') },
      element('strong', {}, v.code ? v.code.replace('-', ' ') : 'undecided'),
      element('span', { class: 'dim' }, v.code && v.confidence !== null ? '  ' + Math.round(v.confidence * 100) + ' % sure' : ''),
      element('ul', {}, ...v.because.map((line) => element('li', {}, line))));
    for (const advice of v.advice)
      card.append(element('div', { class: 'todo' }, '→ ' + advice.action +
        (advice.expected_bytes !== null ? ': ' + bytes(advice.expected_bytes) : '')));
    page.append(card);
  };
  const addFigures = () => {
    const h = report.heap, m = report.memory, figures = [];
    const add = (value, label) => figures.push(element('div', { class: 'card figure' }, element('b', {}, value), element('span', {}, label)));
    if (m) add(bytes(m.rss_bytes), 'resident');
    if (h && h.live_bytes !== null) {
      add(bytes(h.live_bytes), 'live' + (h.live_bytes_stderr > 0 ? ', ± ' + bytes(Math.round(h.live_bytes_stderr)) : ', exact'));
      add(count(h.live_blocks), 'blocks live');
      add(bytes(h.peak_live_bytes), 'live at the peak');
      add(bytes(h.allocated_bytes), 'allocated in ' + count(h.allocated_blocks) + ' blocks');
    }
    if (m && m.cgroup_limit_bytes !== null) add(bytes(m.cgroup_limit_bytes), 'limit of the cgroup');
    page.append(element('div', { class: 'figures' }, ...figures));
  };

  // ---- ledger ----
  const colours = ['#d1622f', '#e9a15b', '#6f8fc4', '#8d77b8', '#5aa08a', '#a9b665', '#c97b9b', '#77a8c9', '#b08b6e', '#8f9aa3', '#c9b458'];
  const addLedger = () => {
    const m = report.memory;
    if (!m || !m.ledger) return;
    const lines = m.ledger.filter((line) => line.resident_bytes > 0).sort((a, b) => b.resident_bytes - a.resident_bytes);
    const whole = lines.reduce((sum, line) => sum + line.resident_bytes, 0);
    const bar = element('div', { class: 'bar' }), legend = element('div', { class: 'legend' });
    lines.forEach((line, i) => {
      const colour = line.owner === 'unexplained' ? '#777777' : colours[i % colours.length];
      const title = line.label + ': ' + bytes(line.resident_bytes) + ', ' + share(line.resident_bytes, whole);
      bar.append(element('i', { title, style: { flex: line.resident_bytes + ' 0 0', background: colour } }));
      legend.append(element('div', {}, element('i', { style: { background: colour } }), element('span', {}, line.label),
        element('b', {}, bytes(line.resident_bytes) + '  ' + share(line.resident_bytes, whole))));
    });
    page.append(element('h2', {}, 'Where every resident byte is: ' + bytes(whole)), element('div', { class: 'card' }, bar, legend));
  };

  // ---- timeline ----
  const kinds = [['rss_bytes', 'resident', 'rss'], ['live_bytes', 'live', 'live']];
  const drawing = (tag, attributes, ...children) => {
    const made = document.createElementNS('http://www.w3.org/2000/svg', tag);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    made.append(...children);
    return made;
  };
  // a step of 1, 2 or 5 (of powers of two for bytes) that gives at most n lines
  const stepOf = (whole, n, unit) => {
    let step = unit;
    for (let i = 0; whole / step > n; i++) step *= i % 3 === 1 ? 2.5 : 2;
    return step;
  };
  const addTimeline = () => {
    const course = report.course;
    if (!course || course.moments.length < 3 || course.watched_s <= 0) return;
    const known = kinds.filter(([key]) => course.moments.some((moment) => moment[key] !== null));
    // the last look is at what the process left, which has no pages any more
    const end = course.moments.findLastIndex((moment) => moment.rss_bytes !== null) + 1 || course.moments.length;
    const moments = course.moments.slice(0, end), first = moments[0].at, span = moments.at(-1).at - first;
    if (span <= 0) return;
    const highest = Math.max(1, ...known.flatMap(([key]) => moments.map((moment) => Math.max(moment[key] ?? 0, moment['highest_' + key] ?? 0))));
    const growth = course.rss.growth_low_bytes_per_s > 0 ? course.rss : course.live;
    const rate = (value) => Math.abs(value) < 65536 ? bytes(Math.round(value * 3600)) + '/h' : bytes(Math.round(value)) + '/s';
    const says = growth.growth_low_bytes_per_s > 0 ? (growth === course.rss ? 'RSS' : 'live memory') + ' grew by ' + rate(growth.growth_bytes_per_s) +
      ' (' + rate(growth.growth_low_bytes_per_s) + ' to ' + rate(growth.growth_high_bytes_per_s) + ') in the later half' :
      growth.growth_low_bytes_per_s === null ? 'too short a time to tell growth' : 'it did not keep growing in the later half';
    const chart = element('div', { id: 'timeline' });
    const legend = element('div', { class: 'legend beside' }, ...known.map(([key, label, kind]) => element('div', {}, element('i', { class: kind }), element('span', {}, label),
      element('b', {}, 'most ' + bytes(Math.max(...moments.map((moment) => moment['highest_' + key] ?? 0)))))));
    const draw = () => {
      const width = Math.max(chart.clientWidth, 200), height = 190, left = 74, right = 8, top = 8, bottom = 22;
      const x = (at) => left + (at - first) / span * (width - left - right), y = (value) => height - bottom - value / highest * (height - top - bottom);
      const svg = drawing('svg', { width, height, role: 'img', 'aria-label': 'memory over time: ' + says });
      const power = 2 ** Math.max(0, Math.floor(Math.log2(highest)) - 4);
      for (let value = 0, step = stepOf(highest, 4, power); value <= highest; value += step)
        svg.append(drawing('line', { class: 'grid', x1: left, x2: width - right, y1: y(value), y2: y(value) }),
          drawing('text', { x: left - 8, y: y(value) + 4, 'text-anchor': 'end' }, bytes(Math.round(value))));
      for (const part of [0, 0.25, 0.5, 0.75, 1])
        svg.append(drawing('text', { x: x(first + span * part), y: height - 6, 'text-anchor': part === 0 ? 'start' : part === 1 ? 'end' : 'middle' }, part ? duration(span * part) : '0'));
      for (const [key, , kind] of known) {
        const points = moments.filter((moment) => moment[key] !== null).map((moment) => [x(moment.at), y(moment['highest_' + key] ?? moment[key])]);
        const line = points.map(([px, py], i) => (i ? 'L' : 'M') + px.toFixed(1) + ' ' + py.toFixed(1)).join('');
        svg.append(drawing('path', { class: 'area ' + kind, d: line + `L${points.at(-1)[0].toFixed(1)} ${y(0)}L${points[0][0].toFixed(1)} ${y(0)}Z` }),
          drawing('path', { class: 'line ' + kind, d: line }));
      }
      const cross = drawing('line', { class: 'cross', y1: top, y2: height - bottom, visibility: 'hidden' });
      svg.append(cross);
      svg.addEventListener('mousemove', (event) => {
        const at = first + (event.clientX - svg.getBoundingClientRect().left - left) / (width - left - right) * span;
        const near = moments.reduce((best, moment) => Math.abs(moment.at - at) < Math.abs(best.at - at) ? moment : best);
        cross.setAttribute('visibility', 'visible');
        cross.setAttribute('x1', x(near.at));
        cross.setAttribute('x2', x(near.at));
        showTip(event, [duration(near.at - first) + ' after the first look', bytes(near.rss_bytes) + ' resident', bytes(near.live_bytes) + ' live',
          bytes(near.retained_bytes) + ' resident without a file, and in no live block']);
      });
      svg.addEventListener('mouseleave', () => { cross.setAttribute('visibility', 'hidden'); hideTip(); });
      chart.replaceChildren(svg);
    };
    page.append(element('h2', {}, 'How it went: ' + says), element('div', { class: 'card' }, chart, legend));
    draw();
    addEventListener('resize', draw);
  };

  // ---- flame graph ----
  const values = {
    live_bytes: ['bytes outstanding', bytes], live_blocks: ['blocks outstanding', count],
    allocated_bytes: ['bytes allocated', bytes], allocated_blocks: ['blocks allocated', count],
  };
  const state = { value: total('live_bytes') > 0 ? 'live_bytes' : 'allocated_bytes', order: 'flame', search: null, zoom: null };
  const row = 18;
  let flame, root, legendLine;

  const buildTree = () => {
    root = { name: 'all', value: 0, children: new Map(), parent: null, depth: 0, frame: null };
    for (const site of sites) {
      const value = site[state.value];
      if (!value) continue;
      const stack = state.order === 'callers' ? site.stack : [...site.stack].reverse();
      let node = root;
      root.value += value;
      for (const frame of stack) {
        const label = name(frame);
        let child = node.children.get(label);
        if (!child) {
          child = { name: label, value: 0, children: new Map(), parent: node, depth: node.depth + 1, frame };
          node.children.set(label, child);
        }
        child.value += value;
        node = child;
      }
    }
    state.zoom = root;
  };
  // warm colours for the program's own code, cool ones for libraries; the shade is the name's
  const program = base(report.process.exe);
  const colourOf = (node) => {
    let hash = 0;
    for (const c of node.name) hash = (hash * 31 + c.codePointAt(0)) >>> 0;
    const shade = hash % 1000 / 1000;
    if (!node.frame) return '#c9c4bb';
    if (base(node.frame.module) === program) return `hsl(${18 + 24 * shade} 78% ${62 + 8 * shade}%)`;
    if (/^(libc|ld-linux|libpthread|libstdc\+\+|libgcc)/.test(base(node.frame.module))) return `hsl(${210 + 20 * shade} 18% ${70 + 6 * shade}%)`;
    return `hsl(${160 + 40 * shade} 38% ${66 + 8 * shade}%)`;
  };
  const showTip = (event, lines) => {
    tip.replaceChildren(...lines.map((line, i) => element('div', { class: i ? 'dim' : 'mono' }, line)));
    tip.hidden = false;
    const box = tip.getBoundingClientRect();
    tip.style.left = Math.max(4, Math.min(event.clientX + 14, innerWidth - box.width - 8)) + 'px';
    tip.style.top = (event.clientY + 18 + box.height < innerHeight ? event.clientY + 18 : event.clientY - box.height - 10) + 'px';
  };
  const hideTip = () => { tip.hidden = true; };

  const drawFlame = () => {
    const width = flame.clientWidth, placed = [];
    let deepest = 0, found = 0;
    const matches = (node) => state.search && state.search.test(node.name + ' ' + (node.frame ? place(node.frame) : ''));
    const put = (node, left, size, above) => {
      deepest = Math.max(deepest, node.depth);
      placed.push([node, left, size, above]);
      let x = left;
      for (const child of [...node.children.values()].sort((a, b) => b.value - a.value)) {
        const part = size * child.value / node.value;
        if (part >= 0.6) put(child, x, part, false);
        x += part;
      }
    };
    const sumFound = (node) => { // bytes under the outermost frames that match
      if (matches(node)) { found += node.value; return; }
      node.children.forEach(sumFound);
    };
    for (let node = state.zoom.parent; node; node = node.parent) placed.push([node, 0, width, true]);
    put(state.zoom, 0, width, false);
    const height = (deepest + 1) * row;
    flame.replaceChildren(element('div', { style: { height: height + 'px' } }), ...placed.map(([node, left, size, above]) => {
      const y = state.order === 'flame' ? height - (node.depth + 1) * row : node.depth * row;
      const figure = values[state.value][1](node.value);
      const lines = [node.name, node.frame ? place(node.frame) : '', figure + ', ' + share(node.value, root.value)].filter(Boolean);
      return element('button', {
        class: 'frame' + (above ? ' above' : '') + (state.search && !matches(node) ? ' faded' : ''),
        'aria-label': lines.join(', '),
        style: { left: left + 'px', top: y + 'px', width: Math.max(size - 1, 0.6) + 'px', background: colourOf(node), padding: size < 12 ? '0' : '' },
        onclick: () => { state.zoom = node; hideTip(); drawFlame(); },
        onmousemove: (event) => showTip(event, lines), onmouseleave: hideTip,
      }, size > 26 ? node.name : '');
    }));
    if (state.order === 'flame') flame.scrollTop = height;
    if (state.search) sumFound(root);
    legendLine.textContent = state.search ? values[state.value][1](found) + ', ' + share(found, root.value) + ' matches' :
      values[state.value][1](root.value) + ' ' + values[state.value][0].split(' ')[1];
  };
  const addFlame = () => {
    if (!sites.length) return;
    const choose = (choices, key) => element('select', {
      'aria-label': key, onchange: (event) => { state[key] = event.target.value; buildTree(); drawFlame(); },
    }, ...Object.entries(choices).map(([value, text]) => element('option', { value, selected: state[key] === value ? '' : null }, text)));
    const search = element('input', { type: 'search', placeholder: 'search in functions and files (regular expression)',
      oninput: (event) => {
        try { state.search = event.target.value ? new RegExp(event.target.value, 'i') : null; } catch { return; }
        drawFlame();
      } });
    flame = element('div', { id: 'flame', class: 'card' });
    legendLine = element('span', { class: 'dim' });
    page.append(element('h2', {}, 'Who allocated it'), element('div', { class: 'tools' },
      choose(Object.fromEntries(Object.entries(values).map(([key, [text]]) => [key, text])), 'value'),
      choose({ flame: 'flame graph', icicle: 'icicle', callers: 'from the allocation outward' }, 'order'),
      search, element('button', { onclick: () => { state.zoom = root; drawFlame(); } }, 'whole'), legendLine), flame);
    buildTree();
    drawFlame();
    addEventListener('resize', drawFlame);
  };

  // ---- sites ----
  const starts = /^(_start|_dl_.*|call_init|__libc_start_.*|clone3?|start_thread)$/;
  const own = (site) => site.stack.find((frame) => frame.line && base(frame.module) === program) ??
    site.stack.find((frame) => frame.line && !starts.test(frame.function)) ?? site.stack[0];
  // who called, where there are no lines to go by
  const callers = (site) => site.stack.slice(1, 4).filter((frame) => !starts.test(frame.function)).map((frame) => ' ← ' + name(frame)).join('');
  const grows = (site) => site.growth_low_bytes_per_s > 0 || site.growth_high_bytes_per_s < 0 ?
    (site.growth_bytes_per_s > 0 ? '+' : '') + bytes(Math.round(site.growth_bytes_per_s)) + '/s' : '';
  const columns = [
    ['outstanding', 'live_bytes', (site) => bytes(site.live_bytes) + error(site), ''],
    ['blocks', 'live_blocks', (site) => count(site.live_blocks), ''],
    ['allocated', 'allocated_bytes', (site) => bytes(site.allocated_bytes), 'wide'],
    ['growth', 'growth_bytes_per_s', grows, 'wide'],
    ['oldest', 'oldest_age_s', (site) => duration(site.oldest_age_s), 'wide'],
  ];
  const addSites = () => {
    if (!sites.length) return;
    let sort = 'live_bytes', filter = '', shown = 100;
    const body = element('tbody'), rest = element('div', { class: 'tools' });
    const draw = () => {
      const wanted = sites.filter((site) => !filter || site.stack.some((frame) => (name(frame) + ' ' + place(frame)).toLowerCase().includes(filter)));
      wanted.sort((a, b) => (b[sort] ?? -Infinity) - (a[sort] ?? -Infinity));
      body.replaceChildren();
      for (const site of wanted.slice(0, shown)) {
        const frame = own(site), first = site.stack[0];
        const title = first ? name(first) + (frame !== first && frame ? ' for ' + name(frame) : '') : '(no stack)';
        const line = element('tr', { class: 'site' },
          ...columns.map(([, , text, kind]) => element('td', { class: kind }, text(site))),
          element('td', { class: 'left' }, title + ' ', element('span', { class: 'dim' },
            frame && frame.line ? base(frame.file) + ':' + frame.line : frame ? callers(site) + ' ' + base(frame.module) : '')));
        line.addEventListener('click', () => {
          if (line.nextSibling?.dataset?.stack) { line.nextSibling.remove(); return; }
          const stack = site.stack.map((f) => name(f) + (f.inlined ? ' (inlined)' : '') + '  ' + place(f)).join('\n') + (site.truncated ? '\n… (the stack goes on)' : '');
          line.after(element('tr', { 'data-stack': '1' }, element('td', { class: 'stack', colspan: columns.length + 1 }, stack)));
        });
        body.append(line);
      }
      rest.replaceChildren(wanted.length > shown ? element('button', { onclick: () => { shown += 400; draw(); } }, 'show more of ' + count(wanted.length)) : '');
    };
    page.append(element('h2', {}, 'Sites'),
      element('div', { class: 'tools' }, element('input', { type: 'search', placeholder: 'only sites with this in a function or file',
        oninput: (event) => { filter = event.target.value.toLowerCase(); draw(); } })),
      element('div', { class: 'card table' }, element('table', {}, element('thead', {}, element('tr', {},
        ...columns.map(([text, key, , kind]) => element('th', { class: kind, onclick: () => { sort = key; draw(); } }, text)),
        element('th', { class: 'left' }, 'allocated by'))), body)), rest);
    draw();
  };

  const addFoot = () => {
    const a = report.agent, s = a?.sampling;
    const exact = !s ? '' : s.exact ? 'Exact: every allocation was recorded. ' :
      'Estimated from one sample in ' + bytes(s.interval_bytes) + '; ± is one standard error. ';
    const lost = a && (a.lost.allocations || a.lost.frees) ? count(a.lost.allocations) + ' allocations and ' + count(a.lost.frees) + ' frees were not recorded. ' : '';
    const left = report.left_out ? count(report.left_out.sites) + ' smaller sites with ' + bytes(report.left_out.live_bytes) + ' are not on this page. ' : '';
    page.append(element('footer', {}, exact + lost + left + 'memtrace ' + report.version));
  };

  addHead();
  addVerdict();
  addFigures();
  addTimeline();
  addLedger();
  addFlame();
  addSites();
  addFoot();
})();
