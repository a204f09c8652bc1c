import assert from 'node:assert/strict'
import { test } from 'node:test'

import { renderCompact, renderCsv, renderList, renderTable, textWidth } from './table.ts'

const header = ['NAME', 'STATE', 'IPV4']
const rows = [
  ['c1', 'RUNNING', '10.0.0.2 (eth0)\n10.0.1.2 (eth1)'],
  ['日本', 'STOPPED', ''],
]

test('a table has lines around its cells, and its header in the middle of columns', () => {
  assert.equal(
    renderTable(header, rows),
    `+------+---------+-----------------+
| NAME |  STATE  |      IPV4       |
+------+---------+-----------------+
| c1   | RUNNING | 10.0.0.2 (eth0) |
|      |         | 10.0.1.2 (eth1) |
+------+---------+-----------------+
| 日本 | STOPPED |                 |
+------+---------+-----------------+
`,
  )
})

test('a table without rows is its header', () => {
  assert.equal(renderTable(['A'], []), '+---+\n| A |\n+---+\n')
})

test('a compact table has no lines', () => {
  assert.equal(
    renderCompact(['NAME', 'X'], [['instance-1', 'y']]),
    `     NAME     X  
  instance-1  y  
`,
  )
})

test('values with commas, quotes and line breaks are quoted', () => {
  assert.equal(renderCsv([['a', 'b c', 'd,e', 'f"g', 'h\ni', ' j', '']]), 'a,b c,"d,e","f""g","h\ni"," j",\n')
})

test('programs get the data and not the rows', async () => {
  const listing = { header, rows, raw: [{ name: '<c1>', config: new Map([['b', '2'], ['a', '1']]) }] } // prettier-ignore

  assert.equal(await renderList('json', listing), '[{"name":"\\u003cc1\\u003e","config":{"a":"1","b":"2"}}]\n')
  assert.equal(await renderList('yaml', listing), '- name: <c1>\n  config:\n    a: "1"\n    b: "2"\n')
})

test('an unknown format is refused', async () => {
  await assert.rejects(renderList('xml', { header, rows, raw: [] }), { message: 'Invalid format "xml"' })
})

test('a terminal needs two columns for wide letters and none for marks', () => {
  assert.equal(textWidth('abc'), 3)
  assert.equal(textWidth('日本'), 4)
  assert.equal(textWidth('e\u0301'), 1)
})

test('a cell does not steer the terminal', () => {
  assert.equal(renderCompact(['A'], [['\u001b[2Jx']]), '     A      \n  \\x1b[2Jx  \n')
})
