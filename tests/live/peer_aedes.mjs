// SPDX-License-Identifier: MIT
// npm's broker aedes on a port that the system picks; says which.
// peer_aedes.mjs DIRECTORY-OF-node_modules [quiet]
import { createRequire } from 'node:module'
import { createServer } from 'node:net'
import path from 'node:path'

const require = createRequire(path.resolve(process.argv[2], 'node_modules', 'aedes', 'package.json'))
const broker = require('aedes')()
const say = process.argv[3] === 'quiet' ? () => {} : console.log

broker.authenticate = (client, username, password, done) => {
  if (password?.toString() === 'right') return done(null, true)
  done(Object.assign(new Error('wrong password'), { returnCode: 4 }), false)
}
broker.on('publish', packet => say(`published ${packet.topic}`))
broker.on('clientError', (client, error) => say(`client ${client?.id}: ${error.message}`))
broker.on('connectionError', (client, error) => say(`connection: ${error.message}`))

const server = createServer(broker.handle)
server.listen(0, '127.0.0.1', () => console.log(`listening on tcp://127.0.0.1:${server.address().port}`))
