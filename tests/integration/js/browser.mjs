// Chromium with the page of page.mjs, which is served from an origin of its own. The job:
//
//   chromium, certificate, key    the browser; the page's TLS
//   trusted                       hashes of the public keys that it takes: the page's, the gateway's
//
// Commands: {do: "open", host} (the host of the page's address), {do: "files", paths},
// {do: "offline", value}, {do: "call", name, argument}. Each is told `done`, with `value`.
// Events: ready {port}, console, done, error.
import { readFileSync } from 'node:fs';
import https from 'node:https';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { listen, require, tell } from './lines.mjs';

const here = path.dirname(fileURLToPath(import.meta.url));
const document = `<!doctype html><html lang="en"><title>Evidence</title>
<input type="file" id="files" multiple><script src="/page.js"></script></html>`;
let browser, context, page, port;

function bundle() {
  return require('esbuild').buildSync({
    entryPoints: [path.join(here, 'page.mjs')],
    bundle: true,
    format: 'iife',
    platform: 'browser',
    nodePaths: [path.join(process.env.EG_MODULES, 'node_modules')],
    write: false,
    logLevel: 'error',
  }).outputFiles[0].contents;
}

function serve(job) {
  const script = bundle();
  const tls = { cert: readFileSync(job.certificate), key: readFileSync(job.key) };
  const server = https.createServer(tls, (request, response) => {
    const isScript = request.url === '/page.js';
    response.setHeader('Content-Type', isScript ? 'text/javascript' : 'text/html; charset=utf-8');
    response.end(isScript ? script : document);
  });
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server.address().port)));
}

async function start(job) {
  port = await serve(job);
  browser = await require('playwright-core').chromium.launch({
    executablePath: job.chromium,
    args: [`--ignore-certificate-errors-spki-list=${job.trusted.join(',')}`, '--disable-gpu'],
  });
  context = await browser.newContext();
  page = await context.newPage();
  page.on('console', (message) => tell('console', { text: message.text() }));
  page.on('pageerror', (error) => tell('error', { message: String(error) }));
  tell('ready', { port, version: browser.version() });
}

const commands = {
  open: ({ host }) => page.goto(`https://${host}:${port}/`).then(() => null),
  files: ({ paths }) => page.setInputFiles('#files', paths),
  offline: ({ value }) => context.setOffline(value),
  call: ({ name, argument }) =>
    page.evaluate(([n, a]) => window.page[n](a), [name, argument ?? null]),
};

listen(start, async (command) => {
  tell('done', { value: (await commands[command.do](command)) ?? null });
});
