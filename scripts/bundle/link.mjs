// Turns an ES module that esbuild split off into the body of a function that gets `sdmRequire` and
// `sdmPart`: what it imports of other parts becomes constants of its own. esbuild would make each use
// a call of a getter, which is felt in every request. They have names of their own because esbuild
// gives a part's own `module` or `require` another one, and that in all of the text.
import { Failure } from '../lib/failure.mjs';

const IMPORT = /^import \{([^}]*)\} from "(\.\/[^"]+)";$/gm;
const BARE = /^import ("\.\/[^"]+");$/gm;
const EXPORT = /^export \{([^}]*)\};$/gm;
/** Of a CommonJS package that is imported on demand. */
const DEFAULT = /^export default (\w+\(\));$/m;
const LEFT = /^(?:export\b|import\b.*"\.\/).*$/m;

/** @throws Failure if the part says something that this does not know. */
export function linkPart(name, text) {
  const linked = text
    .replace(IMPORT, (_, names, from) => `const {${pairs(names, false)}} = sdmRequire("${from}");`)
    .replace(BARE, 'sdmRequire($1);')
    .replace(DEFAULT, 'sdmPart.exports = {__esModule: true, default: $1};')
    .replace(EXPORT, (_, names) => {
      for (const [local] of split(names)) checkConstant(name, text, local);
      return `sdmPart.exports = {__esModule: true,${pairs(names, true)}};`;
    });
  const left = LEFT.exec(linked);
  if (left) throw new Failure(`${name} of the bundle has "${left[0]}", which cannot be linked.`);
  return linked;
}

/** `a, b as c` as [["a", "a"], ["b", "c"]]. */
function split(names) {
  return names
    .split(',')
    .map((each) => each.trim())
    .filter((each) => each !== '')
    .map((each) => each.split(' as '))
    .map(([first, second = first]) => [first, second]);
}

/** As an object pattern, or, turned round, as an object. */
function pairs(names, turned) {
  return split(names)
    .map(([first, second]) => (turned ? `${second}: ${first}` : `${first}: ${second}`))
    .join(', ');
}

/** Others would not see it change. */
function checkConstant(name, text, local) {
  const quoted = local.replaceAll('$', '\\$');
  const set = `(?<![.\\w$])${quoted} *(?:[-+*/%&|^]|\\?\\?|&&|\\|\\|)?=(?![=>])`;
  const changed = `(?<![.\\w$])(?:${quoted}(?:\\+\\+|--)|(?:\\+\\+|--)${quoted})(?![\\w$])`;
  const times = text.match(new RegExp(set, 'g'))?.length ?? 0;
  if (times > 1 || new RegExp(changed).test(text)) {
    throw new Failure(
      `"${local}" changes after ${name} of the bundle exports it: export a function.`,
    );
  }
}
