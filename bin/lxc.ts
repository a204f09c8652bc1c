import { lxc } from '#cli/lxc.ts'
import { runProgram } from '#cli/run.ts'
import { surroundingsOf } from '#cli/surroundings.ts'

process.exit(await runProgram(lxc('5.0.2'), process.argv.slice(2), surroundingsOf(process, process.env)))
