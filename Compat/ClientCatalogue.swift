import TestSupport

extension CompatCommand {
    /// All clients of the gate: those that decide it, then those that widen it.
    ///
    /// - Parameter directory: for the files of psql's scenarios.
    static func clients(venv: String, directory: TemporaryDirectory) -> [any GateClient] {
        let scripts = "\(Checkout.root)/Compat/Clients"
        let python = "\(venv)/bin/python"
        return [
            LibpqClient(),
            PsqlClient(directory: directory),
            ScriptedClient.docker(
                "node-pg",
                isDeciding: true,
                version: "dpkg-query -W -f '${Package} ${Version}, ' node-pg; node --version"
            ),
            ScriptedClient.docker(
                "jdbc",
                isDeciding: true,
                version: "dpkg-query -W -f '${Package} ${Version}, ' libpostgresql-jdbc-java openjdk-17-jdk-headless"
            ),
            ScriptedClient.python(
                "psycopg3",
                script: "psycopg3.py",
                interpreter: python,
                clients: scripts,
                more: [.directTLS, .protocol32],
                version: "import psycopg as p; print('psycopg', p.__version__, 'with libpq', p.pq.version())"
            ),
            ScriptedClient.python(
                "psycopg2",
                script: "psycopg2_client.py",
                interpreter: python,
                clients: scripts,
                more: [.directTLS],
                version:
                    "import psycopg2 as p; print('psycopg2', p.__version__, 'with libpq', p.extensions.libpq_version())"
            ),
            ScriptedClient.python(
                "asyncpg",
                script: "asyncpg_client.py",
                interpreter: python,
                clients: scripts,
                more: [],
                version: "import asyncpg; print('asyncpg', asyncpg.__version__)"
            ),
            ScriptedClient.docker(
                "pgx",
                isDeciding: false,
                version: "dpkg-query -W -f '${Package} ${Version}, ' golang-github-jackc-pgx-v4-dev golang-go"
            ),
        ]
    }
}
