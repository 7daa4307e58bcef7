// node-postgres: TLS by Node itself, cancel in plaintext. The contract is in ../README.md.
"use strict";

const { Client, Query } = require("pg");

const job = JSON.parse(process.argv[2]);
const LARGE_ROWS = 1024;
const LARGE_ROW = 65536;
const COPY_ROWS = 10000;

function check(condition, detail) {
    if (!condition) throw new Error(detail);
}

function options(changes) {
    return Object.assign({
        host: job.host, port: job.port, user: job.user, password: job.password, database: job.database,
        // What node-postgres makes of sslmode=require in a URL, too: it verifies.
        ssl: { ca: job.certificate },
        connectionTimeoutMillis: 20000,
    }, changes);
}

// Those of the current round, so that one that fails leaves none open behind it.
let clients = [];

async function connect(changes) {
    const client = new Client(options(changes));
    clients.push(client);
    client.on("error", () => {});
    await client.connect();
    return client;
}

async function roundTrip(changes) {
    const start = process.hrtime.bigint();
    const client = await connect(changes);
    const elapsed = Number(process.hrtime.bigint() - start) / 1e6;
    const result = await client.query("SELECT 40 + 2 AS answer");
    check(result.rows[0].answer === 42, "wrong answer");
    await client.end();
    return elapsed;
}

async function refused(sqlState, text, changes) {
    let error;
    try {
        await (await connect(changes)).end();
    } catch (caught) {
        error = caught;
    }
    check(error, `connected, but ${sqlState} was expected`);
    check(error.code === sqlState, `SQLSTATE ${error.code} instead of ${sqlState}: ${error.message}`);
    check(error.message.includes(text), `the message has no '${text}': ${error.message}`);
}

// node-pg offers COPY only through a stream package of its own; this speaks to the connection as that does.
class CopyIn {
    constructor(text, data) { Object.assign(this, { text, data }); }
    submit(connection) { connection.query(this.text); }
    handleCopyInResponse(connection) {
        connection.sendCopyFromChunk(Buffer.from(this.data));
        connection.endCopyFrom();
    }
    handleCommandComplete() {}
    handleReadyForQuery() { this.resolve(); }
    handleError(error) { this.reject(error); }
}

class CopyOut {
    constructor(text) { this.text = text; this.parts = []; }
    submit(connection) { connection.query(this.text); }
    // The chunk is a view of the parser's own buffer, which is used again.
    handleCopyData(message) { this.parts.push(Buffer.from(message.chunk)); }
    handleCommandComplete() {}
    handleReadyForQuery() { this.resolve(Buffer.concat(this.parts).toString()); }
    handleError(error) { this.reject(error); }
}

function submit(client, query) {
    return new Promise((resolve, reject) => {
        Object.assign(query, { resolve, reject });
        client.query(query);
    });
}

const scenarios = {
    connect: () => roundTrip({}),
    wrong_hostname: () => refused("3D000", job.wrongHost, { host: job.wrongHost }),
    // No certificate is for an address: the rest of it is verified.
    no_sni: () => refused("08004", "no server name",
        { host: job.address, ssl: { ca: job.certificate, checkServerIdentity: () => undefined } }),
    plaintext: () => refused("28000", "TLS is required", { ssl: false }),

    async prepared() {
        const client = await connect({});
        for (let number = 0; number < 50; number++) {
            const result = await client.query({ name: "double", text: "SELECT $1::int * 2 AS x", values: [number] });
            check(result.rows[0].x === number * 2, `${result.rows[0].x} for ${number}`);
        }
        await client.end();
    },

    async large_result() {
        const client = await connect({});
        const result = await client.query(
            `SELECT repeat('x', ${LARGE_ROW}) AS x FROM generate_series(1, ${LARGE_ROWS})`);
        check(result.rows.length === LARGE_ROWS && result.rows.every((row) => row.x.length === LARGE_ROW),
            `${result.rows.length} rows`);
        await client.end();
    },

    async copy() {
        const client = await connect({});
        await client.query("CREATE TEMP TABLE copied (id int, text text)");
        let text = "";
        for (let number = 0; number < COPY_ROWS; number++) text += `${number}\trow ${number}\n`;
        await submit(client, new CopyIn("COPY copied FROM STDIN", text));
        const out = await submit(client, new CopyOut("COPY (SELECT * FROM copied ORDER BY id) TO STDOUT"));
        check(out === text, "other rows came out");
        await client.end();
    },

    async listen_notify() {
        const [listener, notifier] = [await connect({}), await connect({})];
        const heard = new Promise((resolve, reject) => {
            listener.once("notification", resolve);
            setTimeout(() => reject(new Error("no notification within 10 s")), 10000).unref();
        });
        await listener.query("LISTEN gate");
        await notifier.query("NOTIFY gate, 'hello'");
        const notification = await heard;
        check(notification.payload === "hello", notification.payload);
        await Promise.all([listener.end(), notifier.end()]);
    },

    async cancel() {
        const [client, observer] = [await connect({}), await connect({})];
        let error;
        const query = new Query("SELECT pg_sleep(60)");
        const done = new Promise((resolve) => {
            query.on("error", (caught) => { error = caught; resolve(); });
            query.on("end", resolve);
        });
        client.query(query);
        const text = "SELECT count(*)::int AS n FROM pg_stat_activity WHERE pid = $1 AND wait_event = 'PgSleep'";
        while ((await observer.query(text, [client.processID])).rows[0].n !== 1) check(!error, String(error));
        // The driver's own cancel: another connection that sends a CancelRequest, in plaintext.
        const canceller = new Client(options({}));
        canceller.on("error", () => {});
        canceller.cancel(client, query);
        await done;
        check(error && error.code === "57014", `${error && error.code}: ${error}`);
        await Promise.all([client.end(), observer.end()]);
    },

    async scram() {
        await refused("28P01", "password authentication failed", { password: "wrong" });
        await roundTrip({});
    },

    async connects_200() {
        for (let count = 0; count < 200; count++) await roundTrip({});
    },
};

async function main() {
    for (const scenario of job.scenarios) {
        for (let round = 0; round < job.rounds; round++) {
            const record = { scenario, ok: true, ms: null, detail: "" };
            try {
                const elapsed = await scenarios[scenario]();
                if (typeof elapsed === "number") record.ms = elapsed;
            } catch (error) {
                Object.assign(record, { ok: false, detail: String(error).slice(0, 500) });
            }
            for (const client of clients) client.connection.stream.destroy();
            clients = [];
            process.stdout.write(JSON.stringify(record) + "\n");
        }
    }
}

main();
