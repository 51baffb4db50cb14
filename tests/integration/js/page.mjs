// What a front end of the department might have on its page: Uppy with its tus plugin, and fetch.
// Bundled for the browser by browser.mjs; window.page is what the tests call.
import Uppy from '@uppy/core';
import Tus from '@uppy/tus';
import { Upload } from 'tus-js-client';

let uppy;
let token;

const chosen = () => Array.from(document.getElementById('files').files);

async function answer(response) {
  return {
    status: response.status,
    headers: Object.fromEntries(response.headers),
    body: await response.text(),
  };
}

async function attempt(send) {
  try {
    return await answer(await send());
  } catch (error) {
    return { failed: String(error.message) };
  }
}

window.page = {
  // Adds the chosen files and sends them. `renews`: at a 423 it waits for a token that is not the same.
  start({ endpoint, options, meta, bearer, renews }) {
    token = bearer;
    const state = { answers: [], errors: [], done: [], locked: 0 };
    window.state = state;
    uppy = new Uppy({ autoProceed: false, meta });
    uppy.use(Tus, {
      endpoint,
      retryDelays: Array(60).fill(250),
      ...options,
      onBeforeRequest: async (request) => {
        request.setHeader('Authorization', `Bearer ${token}`);
      },
      onAfterResponse: async (request, response) => {
        state.answers.push({
          method: request.getMethod(),
          status: response.getStatus(),
          offset: response.getHeader('Upload-Offset'),
          location: response.getHeader('Location'),
          expires: response.getHeader('Upload-Expires'),
          why: response.getHeader('WWW-Authenticate'),
        });
        if (response.getStatus() === 423 && renews) {
          const old = token;
          state.locked += 1;
          while (token === old) await new Promise((r) => setTimeout(r, 50));
        }
      },
    });
    uppy.on('upload-success', (file, response) => state.done.push({ name: file.name, url: response.uploadURL }));
    uppy.on('upload-error', (file, error) => state.errors.push({ name: file.name, message: String(error.message) }));
    for (const file of chosen()) uppy.addFile({ name: file.name, type: file.type, data: file, source: 'page' });
    uppy.upload();
  },
  state: () => ({
    ...window.state,
    sent: uppy.getFiles().map((f) => Number(f.progress.bytesUploaded || 0)),
    paused: uppy.getFiles().map((f) => Boolean(f.isPaused)),
    online: navigator.onLine,
  }),
  renew: (bearer) => { token = bearer; },
  pause: () => uppy.pauseAll(),
  resume: () => uppy.resumeAll(),
  cancel: () => uppy.cancelAll(),
  // tus-js-client by itself, for the protocols that Uppy has no name for.
  tus: ({ bearer, ...options }) => new Promise((resolve) => {
    const answers = [];
    const upload = new Upload(chosen()[0], {
      ...options,
      headers: { Authorization: `Bearer ${bearer}` },
      onAfterResponse: (request, response) => {
        answers.push([request.getMethod(), response.getStatus(), response.getHeader('Upload-Complete')]);
      },
      onError: (error) => resolve({ failed: String(error.message), answers }),
      onSuccess: () => resolve({ url: upload.url, answers }),
    });
    upload.start();
  }),
  // All chosen files in one form, as a page posts it that has to bear a token.
  form: ({ url, bearer, fields }) => attempt(() => {
    const form = new FormData();
    for (const [name, value] of Object.entries(fields)) form.append(name, value);
    for (const file of chosen()) form.append('file', file);
    return fetch(url, { method: 'POST', body: form, headers: { Authorization: `Bearer ${bearer}` } });
  }),
  fetch: ({ url, ...options }) => attempt(() => fetch(url, options)),
};
