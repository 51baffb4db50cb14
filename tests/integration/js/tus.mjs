// One upload by tus-js-client, in node. The job:
//
//   endpoint, file, metadata, token
//   options    of tus-js-client, as they are
//   storage    the file of its FileUrlStorage: an upload that is found there is resumed
//   stream     the file is read as a stream of unknown length
//   buffer     the file is read into memory first
//   hold       "PATCH 3": before the third PATCH it tells `holding` and waits for `go`
//   renew      at 423 (Locked) it tells `locked`, once, and waits for `go` before it tries again
//
// Commands: {do: "go", token?}, {do: "abort"}, {do: "terminate"}.
// Events: found, created, progress, answer (to every request), holding, locked, aborted, terminated,
// done, error.
import fs from 'node:fs';
import { Readable } from 'node:stream';
import { listen, require, tell } from './lines.mjs';

const tus = require('tus-js-client');
let job, token, upload, goOn;
let counted = 0;
let ended = false;

function waitForGo(event) {
  tell(event);
  return new Promise((resolve) => { goOn = resolve; });
}

async function beforeRequest(request) {
  const [method, number] = (job.hold ?? '').split(' ');
  if (request.getMethod() === method && ++counted === Number(number)) await waitForGo('holding');
  request.setHeader('Authorization', `Bearer ${token}`);
}

async function afterResponse(request, response) {
  const status = response.getStatus();
  tell('answer', {
    method: request.getMethod(),
    url: request.getURL(),
    status,
    sent: request.getHeader('Upload-Offset') ?? null,
    offset: response.getHeader('Upload-Offset') ?? null,
    interop: request.getHeader('Upload-Draft-Interop-Version') ?? null,
    complete: response.getHeader('Upload-Complete') ?? null,
    expires: response.getHeader('Upload-Expires') ?? null,
    why: response.getHeader('WWW-Authenticate') ?? null,
    body: status < 400 ? null : response.getBody(),
  });
  if (status === 423 && job.renew) {
    job.renew = false;
    await waitForGo('locked');
  }
}

function end(event, members) {
  if (ended) tell('error', { message: `${event} after its end` });
  ended = true;
  tell(event, members);
}

function source() {
  if (job.buffer) return fs.readFileSync(job.file);
  const file = fs.createReadStream(job.file);
  return job.stream ? Readable.from(file) : file;
}

async function start(theJob) {
  job = theJob;
  token = job.token;
  upload = new tus.Upload(source(), {
    endpoint: job.endpoint,
    metadata: job.metadata,
    retryDelays: Array(200).fill(200),
    urlStorage: job.storage ? new tus.FileUrlStorage(job.storage) : undefined,
    storeFingerprintForResuming: Boolean(job.storage),
    ...job.options,
    onBeforeRequest: beforeRequest,
    onAfterResponse: afterResponse,
    onUploadUrlAvailable: () => tell('created', { url: upload.url }),
    onChunkComplete: (size, accepted) => tell('progress', { accepted }),
    onError: (error) => end('error', { message: String(error.message) }),
    onSuccess: () => end('done', { url: upload.url }),
  });
  if (job.storage) {
    const previous = await upload.findPreviousUploads();
    tell('found', { count: previous.length });
    if (previous.length > 0) upload.resumeFromPreviousUpload(previous[0]);
  }
  upload.start();
}

async function command({ do: what, token: newToken }) {
  token = newToken ?? token;
  if (what === 'go') {
    goOn();
  } else if (what === 'abort' || what === 'terminate') {
    await upload.abort(what === 'terminate');
    tell(what === 'abort' ? 'aborted' : 'terminated', { url: upload.url });
  }
}

listen(start, command);
