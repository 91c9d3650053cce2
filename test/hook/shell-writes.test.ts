import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { shellWrites } from '../../src/hook/shell-writes.ts';

/** `kind path` of each write, paths in /r without it; `into` names in brackets. */
function writes(script: string): readonly string[] {
  return shellWrites(script, '/r').targets.map(
    ({ path, kind, glob, into }) =>
      `${kind} ${path.replace(/^\/r\//, '')}${glob ? ' *' : ''}${into === undefined ? '' : ` [${into}]`}`,
  );
}

const read: readonly (readonly [string, readonly string[]])[] = [
  ['echo hi > a.txt', ['overwrite a.txt']],
  ['echo hi >> a.txt', ['append a.txt']],
  ['echo hi >| a.txt', ['overwrite a.txt']],
  ['make 2>&1 | tee -a log/out.txt', ['append log/out.txt']],
  ['make &> out', ['overwrite out']],
  ['make >& out', ['overwrite out']],
  ['cmd 2>/dev/null >out', ['overwrite out']],
  ['a >x;b >y&&c >z||d >w &', ['overwrite x', 'overwrite y', 'overwrite z', 'overwrite w']],
  ["sed -i 's/a b/c > d/' src/a.ts src/b.ts", ['modify src/a.ts', 'modify src/b.ts']],
  ["sed -i.bak -e 's/x/y/' a", ['modify a']],
  ["sed -n '1,3p' a", []],
  ["perl -pi -e 's/x/y/' a", ['modify a']],
  ['mv a b', ['delete a', 'overwrite b [a]']],
  ['mv -t dir a b', ['delete a', 'delete b', 'overwrite dir [a,b]']],
  ['cp -r x/a.ts dir/', ['overwrite dir [a.ts]']],
  ['rm -rf build src/old.ts', ['delete build', 'delete src/old.ts']],
  ['rm src/*.ts', ['delete src/*.ts *']],
  ['rm -- -odd', ['delete -odd']],
  ['git checkout -- src/a.ts', ['overwrite src/a.ts']],
  ['git checkout HEAD~1 -- src/a.ts src/b.ts', ['overwrite src/a.ts', 'overwrite src/b.ts']],
  ['git -C sub restore x', ['overwrite sub/x']],
  ['git restore --staged x', []],
  ['git rm x && git mv a b', ['delete x', 'delete a', 'overwrite b [a]']],
  ['git status; git diff > d.patch', ['overwrite d.patch']],
  ['cd sub && echo > a', ['overwrite sub/a']],
  ['(cd sub; echo > a); echo > b', ['overwrite sub/a', 'overwrite b']],
  ['cd sub | cat; echo > b', ['overwrite b']],
  ['{ echo 1; echo 2; } > both', ['overwrite both']],
  ["cat > a.txt <<'EOF'\nrm -rf /\n> not\nEOF\necho > b", ['overwrite a.txt', 'overwrite b']],
  ['cat <<-X | tee a\n\tbody\n\tX\nrm b', ['overwrite a', 'delete b']],
  ['echo "a > b" # > c\necho \\> d', []],
  ['echo "it\'s" \'say "x"\' > "my file.txt"', ['overwrite my file.txt']],
  ['echo x > my\\ file', ['overwrite my file']],
  ["bash -lc 'cd s && echo > a'", ['overwrite s/a']],
  ['sudo FOO=1 env -i BAR=2 tee a', ['overwrite a']],
  ['timeout 5 rm a', ['delete a']],
  ['if true; then echo > a; else rm b; fi', ['overwrite a', 'delete b']],
  ['echo $(rm inner) > out', ['overwrite out', 'delete inner']],
  ['x=`tee inner`', ['overwrite inner']],
  ['dd if=/dev/zero of=disk.img', ['overwrite disk.img']],
  ['truncate -s 0 log', ['modify log']],
  ['cat <<< "a > b"', []],
  ['cd "$X"; echo > /r/abs', ['overwrite abs']],
  ["apply_patch <<'P'\n*** Begin Patch\n*** Delete File: gone.ts\n*** End Patch\nP", ['delete gone.ts']],
];

/** Each with what it still tells: an unreadable part does not hide the rest. */
const unread: readonly (readonly [string, readonly string[]])[] = [
  ['echo > $OUT', []],
  ['echo > "$DIR/a"', []],
  ['rm ~/x', []],
  ['rm a{1,2}.ts b', ['delete b']],
  ['cd $X && echo > a', []],
  ['eval "$cmd"', []],
  ['ls | xargs rm', []],
  ['find . -name x -delete', []],
  ['git stash && echo > a', ['overwrite a']],
  ['git checkout main', []],
  ["echo 'open", []],
  ['echo "open', []],
  ['cat <<EOF\nnever ends', []],
  ['f() { rm x; }', []],
  ['diff <(a) >(b)', []],
  ['echo )', []],
  ['bash -c "$script"', []],
  ['for f in *.ts; do sed -i s/a/b/ "$f"; done', []],
];

describe('writes of a shell command', () => {
  for (const [script, expected] of read) {
    it(`finds ${expected.length} in ${JSON.stringify(script)}`, () => {
      assert.deepEqual(writes(script), expected);
      assert.deepEqual(shellWrites(script, '/r').unparsed, []);
    });
  }

  for (const [script, expected] of unread) {
    it(`says that it cannot read all of ${JSON.stringify(script)}`, () => {
      assert.deepEqual(writes(script), expected);
      assert.ok(shellWrites(script, '/r').unparsed.length > 0);
    });
  }

  it('ends on any text at all', () => {
    for (const piece of ["'", '"', '`', '$(', '${', '((', '<<a', '\\', '>', '| ', '{ ', '\n', '$', '*']) {
      for (const count of [1, 2, 3, 2000]) shellWrites(piece.repeat(count), '/r');
    }
  });
});
