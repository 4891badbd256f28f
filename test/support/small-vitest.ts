/**
 * As much of vitest as the contract of register backends uses, for a bundle that runs where there is
 * no vitest: inside a brick. Matchers are vitest's own. Prints TAP, and exits with 1 after a failure.
 */
import { JestAsymmetricMatchers, JestChaiExpect, JestExtend } from '@vitest/expect';
import * as chai from 'chai';

chai.use(JestExtend);
chai.use(JestChaiExpect);
chai.use(JestAsymmetricMatchers);
export const expect = chai.expect;

type Step = () => unknown;
interface Group {
  readonly name: string;
  readonly before: Step[];
  readonly after: Step[];
  readonly tests: { readonly name: string; readonly run: Step }[];
}

const groups: Group[] = [];
const current = (): Group => groups.at(-1)!;

export const beforeEach = (step: Step): void => void current().before.push(step);
export const afterEach = (step: Step): void => void current().after.push(step);
export const test = (name: string, run: Step): void => void current().tests.push({ name, run });

export const describe = {
  each:
    <T extends { readonly kind: string }>(cases: readonly T[]) =>
    (name: string, body: (each: T) => void): void => {
      for (const each of cases) {
        groups.push({ name: name.replace('$kind', each.kind), before: [], after: [], tests: [] });
        body(each);
      }
    },
};

async function runAll(): Promise<void> {
  let number = 0;
  for (const { name: group, before, after, tests } of groups) {
    for (const { name, run } of tests) {
      const line = `ok ${(number += 1)} - ${group}: ${name}`;
      try {
        for (const step of before) await step();
        try {
          await run();
        } finally {
          for (const step of after) await step();
        }
        console.log(line);
      } catch (error) {
        process.exitCode = 1;
        console.log(`not ${line}\n# ${String((error as Error).stack).replaceAll('\n', '\n# ')}`);
      }
    }
  }
  console.log(`1..${number}`);
}
// after the modules that import this one have said what there is
setImmediate(() => void runAll());
