import { expect, test, vi } from 'vitest';
import { d44 } from './d44.js';
import { fuzz } from './fuzzer.js';

const SOAK = process.env['SDM_SOAK'] === '1';
const EXECUTIONS = SOAK ? 1_000_000 : 50_000;

vi.setConfig({ testTimeout: SOAK ? 3_600_000 : 300_000 });

test(`any text is one of D4.4's commands or SDM_INPUT: ${EXECUTIONS} of them`, () => {
  const seed = Number(process.env['SDM_FUZZ_SEED'] ?? Math.floor(Math.random() * 2 ** 32));
  const { executions, outcomes } = fuzz(d44, EXECUTIONS, seed);
  expect(executions).toBe(EXECUTIONS);
  // it got beyond the first character: commands are taken, and refused for many reasons
  const taken = [...outcomes].filter(([name]) => /^(Add|Remove) /.test(name));
  expect(taken.length).toBeGreaterThan(5);
  expect(outcomes.size).toBeGreaterThan(50);
});
