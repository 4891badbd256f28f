import { main } from './agent/main.js';

// A reader that has seen enough (`| head`) is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
});
// It never rejects. Not awaited: the bundle's parts are functions, not modules.
void main(process.argv.slice(2));
