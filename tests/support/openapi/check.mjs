// Holds what the server answered against docs/openapi.yaml.
//   node check.mjs OPENAPI.yaml EXCHANGES.json
// Exchanges: [{method, path, status, headers, body (text), request (text)}]. Prints one line for each fault; exit 1 if there is any.
import fs from 'node:fs';
import { createRequire } from 'node:module';
const require = createRequire(process.env.EG_NODE_MODULES + '/');
const YAML = require('yaml');
const Ajv2020 = require('ajv/dist/2020').default;
const addFormats = require('ajv-formats').default;
const { Validator } = require('@seriousme/openapi-schema-validator');

const [, , specFile, exchangeFile] = process.argv;
const spec = YAML.parse(fs.readFileSync(specFile, 'utf8'), { merge: true });
const faults = [];
const good = await new Validator().validate(structuredClone(spec));
if (!good.valid) faults.push('the document itself: ' + JSON.stringify(good.errors).slice(0, 2000));

const ajv = new Ajv2020({ strict: false, allErrors: true });
addFormats(ajv);
ajv.addSchema({ $id: 'https://spec.invalid/openapi', ...spec });
const escape = (key) => key.replaceAll('~', '~0').replaceAll('/', '~1');
const resolve = (pointer, node) =>
  node?.$ref ? resolve(node.$ref.slice(1), node.$ref.slice(2).split('/').reduce((at, k) => at[k.replaceAll('~1', '/').replaceAll('~0', '~')], spec)) : [pointer, node];
const matchers = Object.keys(spec.paths).map((path) => [
  path,
  new RegExp('^' + path.split('/').map((s) => (s === '{rest}' ? '.+' : s.startsWith('{') ? '[^/]+' : s)).join('/') + '$'),
]);

function validate(pointer, value) {
  const check = ajv.compile({ $ref: 'https://spec.invalid/openapi#' + encodeURI(pointer) });
  return check(value) ? null : ajv.errorsText(check.errors);
}

const seen = new Set();
for (const x of JSON.parse(fs.readFileSync(exchangeFile, 'utf8'))) {
  const where = `${x.method} ${x.path} -> ${x.status}`;
  const bare = x.path.split('?')[0];
  const hit = matchers.find(([, re]) => re.test(bare));
  const method = x.method === 'HEAD' && !(hit && spec.paths[hit[0]].head) ? 'get' : x.method.toLowerCase();
  const operation = hit && spec.paths[hit[0]][method];
  if (!operation) {
    if (![404, 405].includes(x.status)) faults.push(where + ': no such operation');
    continue;
  }
  seen.add(operation.operationId);
  const key = operation.responses[x.status] ? String(x.status) : 'default';
  const base = `/paths/${escape(hit[0])}/${method}`;
  const [at, response] = resolve(`${base}/responses/${key}`, operation.responses[key]);
  if (!response) { faults.push(where + ': undescribed status'); continue; }
  for (const query of new URLSearchParams(x.path.split('?')[1] ?? '').keys()) {
    const all = [...(operation.parameters ?? []), ...(spec.paths[hit[0]].parameters ?? [])].map((p) => resolve('', p)[1]);
    if (x.status < 300 && !all.some((p) => p.in === 'query' && p.name === query)) faults.push(`${where}: undescribed argument ${query}`);
  }
  if (x.method === 'HEAD' || !response.content || (x.body === '' && !x.headers['content-type'])) continue;
  const type = (x.headers['content-type'] ?? '').split(';')[0];
  const media = response.content[type] ? type : response.content['*/*'] ? '*/*' : null;
  if (!media) { faults.push(`${where}: content type ${type} is not described`); continue; }
  if (!/json$/.test(type) || media === '*/*') {
    if (type.startsWith('text/') && media !== '*/*') {
      const e = validate(`${at}/content/${escape(media)}/schema`, x.body);
      if (e) faults.push(`${where}: ${e}`);
    }
    continue;
  }
  const e = validate(`${at}/content/${escape(media)}/schema`, JSON.parse(x.body));
  if (e) faults.push(`${where}: ${e}: ${x.body.slice(0, 400)}`);
  const [rb, request] = [base + '/requestBody', operation.requestBody];
  if (x.status < 300 && request?.content?.['application/json'] && x.request) {
    const bad = validate(`${rb}/content/application~1json/schema`, JSON.parse(x.request));
    if (bad) faults.push(`${where}: the request that was taken: ${bad}`);
  }
}
const all = Object.values(spec.paths).flatMap((p) => ['get', 'head', 'post', 'patch', 'put', 'delete', 'options'].filter((m) => p[m]).map((m) => p[m].operationId));
for (const id of all) if (!seen.has(id)) faults.push(`operation ${id} was never exercised`);
for (const f of faults) console.log('FAULT ' + f);
console.log(`${seen.size} of ${all.length} operations exercised`);
process.exit(faults.length ? 1 : 0);
