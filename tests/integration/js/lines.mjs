// How a driver and its test talk: lines of JSON, commands in, events out. It ends with its input.
import { createRequire } from 'node:module';
import path from 'node:path';
import { createInterface } from 'node:readline';

export const require = createRequire(path.join(process.env.EG_MODULES, 'package.json'));

export function tell(event, members = {}) {
  process.stdout.write(`${JSON.stringify({ event, ...members })}\n`);
}

// The first line is the job, `start` runs it; each later one is a command.
export function listen(start, command) {
  const failed = (error) => tell('error', { message: String(error?.stack ?? error) });
  let begun = false;
  process.on('unhandledRejection', failed);
  createInterface({ input: process.stdin })
    .on('line', (line) => {
      const function_ = begun ? command : start;
      begun = true;
      Promise.resolve(JSON.parse(line)).then(function_).catch(failed);
    })
    .on('close', () => process.exit(0));
}
