/** What the user can do something about: shown without a stack. */
export class Failure extends Error {}

/** Runs the script; a Failure is its last words, and exit code 1. */
export async function runScript(main) {
  try {
    await main();
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    console.error(error.message);
    process.exitCode = 1;
  }
}
