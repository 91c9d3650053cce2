import { describeRule } from './describe-rule.ts';
import { linksLeadSomewhere, lockFileNamesNoHost, noMachineInText } from './documents.ts';

describeRule('no machine in a text', noMachineInText, {
  bad: {
    "a person's folder": {
      files: { 'README.md': `\nsee /home/ada/app there` },
      finds: `README.md:2: a path of one machine: /home/ada/app`,
    },
    "root's folder": {
      files: { 'a.json': `{"a":"/root/.npm"}` },
      finds: `a.json:1: a path of one machine: /root/.npm`,
    },
    'a scratch file': {
      files: { 'test/a/a.test.ts': `open('/tmp/x')` },
      finds: `test/a/a.test.ts:1: a path of one machine: /tmp/x`,
    },
    'a registry': {
      files: { 'README.md': `https://registry.example.org/x` },
      finds: `README.md:1: a registry host: registry.example.org/x`,
    },
  },
  good: {
    'paths of the project': {
      'README.md': 'src/work/a.ts, ~/.agent-collab, https://example.org/work/x, /tmp',
    },
    'the home of a route': { 'src/web/a.ts': "app.get('/home', f); app.get('/work', f)" },
  },
});

describeRule('the lock file names no host', lockFileNamesNoHost, {
  bad: {
    'an address': {
      files: { 'package-lock.json': '{\n"resolved": "https://npm.example/x.tgz"}' },
      finds:
        'package-lock.json:2: an address: "resolved": "https://npm.example/x.tgz" (npm config omit-lockfile-registry-resolved)',
    },
  },
  good: { 'a link into the tree': { 'package-lock.json': '{"resolved": "plugin"}' } },
});

describeRule('links lead somewhere', linksLeadSomewhere, {
  bad: {
    'a link to nothing': {
      files: { 'docs/a.md': '\n[x](../b.md)' },
      finds: 'docs/a.md:2: a link to ../b.md, which does not exist',
    },
    'a link to a missing heading': {
      files: { 'a.md': '# One\n[x](#two)' },
      finds: 'a.md:2: a link to #two: a.md has no such heading',
    },
  },
  good: {
    'links that lead somewhere': {
      'README.md': '[a](docs/a.md#why-not-x) [d](docs) [w](https://example.org) `[x](y)`\n\n[r]: docs/a.md',
      'docs/a.md': '## Why not `x`?\n',
    },
  },
});
