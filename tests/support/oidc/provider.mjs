// A real OpenID provider (npm oidc-provider) for the integration tests, over TLS on a free port of loopback.
//
//     node provider.mjs FOLDER_OF_NODE_MODULES CERTIFICATE KEY AUDIENCE
//
// It writes one JSON line when it is ready: {"issuer", "jwks_uri", "token_endpoint"}. Commands are lines on standard
// input, each answered by one line:
//     rotate keep    a new signing key; the old one stays in the set
//     rotate drop    the set holds the present key alone
//     close          stops listening
// Whoever closes standard input ends it.
import { generateKeyPairSync, randomUUID, X509Certificate } from 'node:crypto';
import https from 'node:https';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import readline from 'node:readline';
import { pathToFileURL } from 'node:url';

// The package's hints to whoever runs it for real.
console.info = () => {};
console.warn = () => {};

const [modules, certificate, key, audience] = process.argv.slice(2);
const entry = path.join(modules, 'node_modules', 'oidc-provider', 'lib', 'index.js');
const { default: Provider } = await import(pathToFileURL(entry));

function newKey() {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  // A kid with the characters that hostile and honest issuers use alike.
  return { ...privateKey.export({ format: 'jwk' }), kid: `key/${randomUUID()}+=`, alg: 'ES256', use: 'sig' };
}

const client = (id, more) => ({
  client_id: id,
  client_secret: `secret-of-${id}`,
  grant_types: ['client_credentials'],
  redirect_uris: [],
  response_types: [],
  id_token_signed_response_alg: 'ES256',
  ...more,
});

function configuration(keys) {
  return {
    jwks: { keys },
    clients: [
      client('surgery'),
      client('nobody'),
      client('bound', { tls_client_certificate_bound_access_tokens: true }),
    ],
    scopes: ['evidence'],
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      mTLS: {
        enabled: true,
        certificateBoundAccessTokens: true,
        getCertificate(ctx) {
          const peer = ctx.socket.getPeerCertificate();
          return peer.raw ? new X509Certificate(peer.raw).toString() : undefined;
        },
      },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: (_ctx, resource) => ({
          scope: 'evidence',
          audience: resource,
          accessTokenTTL: 300,
          accessTokenFormat: resource.startsWith(audience) || resource.includes('else') ? 'jwt' : 'opaque',
          jwt: { sign: { alg: 'ES256' } },
        }),
      },
    },
    extraTokenClaims: (_ctx, token) =>
      (token.clientId === 'nobody' ? { roles: ['visitor'] } : { roles: ['health_professional', 'visitor'] }),
  };
}

let keys = [newKey()];
let provider;
const server = https.createServer({
  key: readFileSync(key),
  cert: readFileSync(certificate),
  requestCert: true,
  rejectUnauthorized: false, // the provider takes self-signed ones; the gateway does not
}, (request, response) => provider.callback()(request, response));

server.listen(0, '127.0.0.1', () => {
  const issuer = `https://127.0.0.1:${server.address().port}`;
  const renew = () => { provider = new Provider(issuer, configuration(keys)); };
  const commands = {
    'rotate keep': () => { keys = [newKey(), ...keys]; renew(); },
    'rotate drop': () => { keys = keys.slice(0, 1); renew(); },
    close: () => { server.close(); server.closeAllConnections(); },
  };

  renew();
  console.log(JSON.stringify({ issuer, jwks_uri: `${issuer}/jwks`, token_endpoint: `${issuer}/token` }));
  readline.createInterface({ input: process.stdin })
    .on('line', (line) => { commands[line](); console.log('done'); })
    .on('close', () => process.exit(0));
});
