// Which parts of the bundle lie in one file: a start that reads two dozen files, and a code cache for
// each, takes a tenth longer than one that reads three.

/** The server. */
const SERVE = 'src/agent/serve.ts';
/** Another server, of other bricks: it shares most with that one, and is no reason to load that for commands. */
const OTHER_SERVE = 'src/agent/lender/serve.ts';
/** What it loads on demand at every start. */
const WITH_SERVE = [
  ...['src/agent/config.ts', 'src/agent/lender/config.ts'],
  ...['src/agent/journal/node-fs.ts', 'src/native/index.ts'],
];

/**
 * Files, and the parts in each: what every command loads, what the server and some commands load, and
 * what only the server does; all else by itself.
 * @param outputs by name: `entryPoint` (a source), what it imports at once (`imports`) and on demand
 * (`later`).
 */
export function unitsOf(outputs, entry) {
  const names = Object.keys(outputs);
  const of = (sources) => names.filter((name) => sources.includes(outputs[name].entryPoint));
  const main = closure(of([entry]), (name) => outputs[name].imports);
  const serve = closure(of([SERVE, ...WITH_SERVE]), (name) => outputs[name].imports);
  const commands = [...main].flatMap((name) => outputs[name].later);
  const others = closure(
    commands.filter((name) => ![SERVE, OTHER_SERVE].includes(outputs[name].entryPoint)),
    (name) => [...outputs[name].imports, ...outputs[name].later],
  );
  const units = { 'main.js': [], 'shared.js': [], 'serve.js': [] };
  for (const name of names) {
    if (main.has(name)) units['main.js'].push(name);
    else if (!serve.has(name)) units[name] = [name];
    else units[others.has(name) ? 'shared.js' : 'serve.js'].push(name);
  }
  return units;
}

/** Names and all that they lead to. */
function closure(names, next, found = new Set()) {
  for (const name of names) {
    if (found.has(name)) continue;
    found.add(name);
    closure(next(name), next, found);
  }
  return found;
}
