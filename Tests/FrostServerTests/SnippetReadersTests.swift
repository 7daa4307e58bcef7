import Foundation
import TestSupport
import Testing

@testable import FrostServer

/// Snippets read back by those who will read them: the shell, Node.js, Python, Ruby and Java.
@Suite struct SnippetReadersTests {
    @Test func shellReadsPsqlAndEnv() async throws {
        let directory = try Directory()
        for (index, info) in SnippetTexts.infos.enumerated() {
            try directory.write("\(index).psql", SnippetTexts.text(.psql, info))
            try directory.write("\(index).env", SnippetTexts.text(.env, info))
        }
        let script = """
            psql() { test $# = 1 && printf '%s\\0' "$1"; }
            i=0
            while test $i -lt \(SnippetTexts.infos.count); do
                unset PGUSER PGPASSWORD PGDATABASE
                . ./$i.psql; . ./$i.env
                printf '%s\\0' "$DATABASE_URL" "${PGUSER-}" "${PGPASSWORD-}" "${PGDATABASE-}"
                i=$((i + 1))
            done
            """
        let parts = try await directory.run("sh", "-c", script).split(separator: 0, omittingEmptySubsequences: false)
        let words = parts.map { String(decoding: $0, as: UTF8.self) }
        try #require(words.count == SnippetTexts.infos.count * 5 + 1)
        for (index, info) in SnippetTexts.infos.enumerated() {
            let read = Array(words[index * 5..<index * 5 + 5])
            for url in read.prefix(2) {
                let url = try #require(URLComponents(string: url))
                let root = url.percentEncodedQueryItems?.first { $0.name == "sslrootcert" }?.value
                #expect(SnippetTexts.same([root.map(decoded)], [info.sslMode?.rootCertificate]))
                let parts = [url.percentEncodedUser, url.percentEncodedPassword, url.percentEncodedPath]
                #expect(SnippetTexts.same(parts.map(decoded), [info.username, info.password, "/" + info.databaseName]))
            }
            if ConnectionSnippets.hasVariables(info) {
                #expect(SnippetTexts.same(Array(read[2...]), [info.username, info.password, info.databaseName]))
            }
        }
    }

    @Test func nodeReadsItsProgram() async throws {
        let directory = try Directory()
        let texts = SnippetTexts.infos.map { SnippetTexts.text(.node, $0) }
        try directory.write("texts.json", String(decoding: JSONEncoder().encode(texts), as: UTF8.self))
        // The driver is replaced by one that keeps what it was given.
        let script = """
            const fs = require("fs");
            const read = [];
            class Client {
                constructor(options) {
                    read.push([options.user, options.password, options.database, options.ssl.ca ?? null]);
                }
                async connect() {}
                async query() { return { rows: [{}] }; }
                async end() {}
            }
            for (const program of JSON.parse(fs.readFileSync("texts.json", "utf8"))) {
                const modules = { pg: { Client }, fs: { readFileSync: (path) => path } };
                new Function("require", "console", program)((name) => modules[name], { log() {} });
            }
            process.stdout.write(JSON.stringify(read));
            """
        let printed = try await directory.run(in: "frost-compat-node-pg", "node", "-e", script)
        let read = try JSONDecoder().decode([[String?]].self, from: printed)
        try #require(read.count == SnippetTexts.infos.count)
        for (read, info) in zip(read, SnippetTexts.infos) {
            #expect(SnippetTexts.same(read, SnippetTexts.values(of: info)))
        }
    }

    @Test func pythonReadsItsProgram() async throws {
        let directory = try Directory()
        let texts = SnippetTexts.infos.map { SnippetTexts.text(.python, $0) }
        try directory.write("texts.json", String(decoding: JSONEncoder().encode(texts), as: UTF8.self))
        let script = """
            import json, sys, types
            from unittest.mock import MagicMock
            read = []
            def connect(**given):
                read.append([given["user"], given["password"], given["dbname"], given.get("sslrootcert")])
                return MagicMock()
            sys.modules["psycopg"] = types.SimpleNamespace(connect=connect)
            with open("texts.json", encoding="utf-8") as file:
                texts = json.load(file)
            write, sys.stdout = sys.stdout.write, open("printed", "w")
            for text in texts:
                exec(text, {})
            write(json.dumps(read))
            """
        let read = try JSONDecoder().decode([[String?]].self, from: await directory.run("python3", "-c", script))
        try #require(read.count == SnippetTexts.infos.count)
        for (read, info) in zip(read, SnippetTexts.infos) {
            #expect(SnippetTexts.same(read, SnippetTexts.values(of: info)))
        }
    }

    @Test func pythonReadsItsMappers() async throws {
        let directory = try Directory()
        let texts = SnippetTexts.infos.map { [SnippetTexts.text(.sqlalchemy, $0), SnippetTexts.text(.django, $0)] }
        try directory.write("texts.json", String(decoding: JSONEncoder().encode(texts), as: UTF8.self))
        let script = """
            import json, sys
            from unittest.mock import MagicMock
            read = []
            def url(driver, *, username, password, database, query, **place):
                read.append([username, password, database, query.get("sslrootcert")])
            def configure(DATABASES):
                given = DATABASES["default"]
                read.append([given["USER"], given["PASSWORD"], given["NAME"], given["OPTIONS"].get("sslrootcert")])
            for name in ["sqlalchemy", "django", "django.conf", "django.db"]:
                sys.modules[name] = MagicMock()
            sys.modules["sqlalchemy"].URL.create = url
            sys.modules["django.conf"].settings.configure = configure
            with open("texts.json", encoding="utf-8") as file:
                texts = json.load(file)
            write, sys.stdout = sys.stdout.write, open("printed", "w")
            for text in sum(texts, []):
                exec(text, {})
            write(json.dumps(read))
            """
        let read = try JSONDecoder().decode([[String?]].self, from: await directory.run("python3", "-c", script))
        try #require(read.count == SnippetTexts.infos.count * 2)
        for (index, read) in read.enumerated() {
            let info = SnippetTexts.infos[index / 2]
            #expect(SnippetTexts.same(read, SnippetTexts.values(of: info)))
        }
    }

    @Test func rubyReadsItsLiterals() async throws {
        let directory = try Directory()
        let literals = SnippetTexts.texts.map { "    \(ConnectionSnippets.ruby($0)),\n" }.joined()
        let program = "[\n\(literals)].each { |text| $stdout.binmode.write(text, \"\\0\") }\n"
        try directory.write("main.rb", program)
        try expectTexts(try await directory.run(in: "frost-compat-activerecord", "ruby", "main.rb"))
    }

    @Test func javaReadsItsLiterals() async throws {
        let directory = try Directory()
        let literals = SnippetTexts.texts.map { "        \(ConnectionSnippets.java($0)),\n" }.joined()
        let program = """
            public class Main {
                static final String[] TEXTS = {
            \(literals)    };

                public static void main(String[] arguments) {
                    byte[] bytes = (String.join("\\0", TEXTS) + "\\0").getBytes(java.nio.charset.StandardCharsets.UTF_8);
                    System.out.write(bytes, 0, bytes.length);
                    System.out.flush();
                }
            }
            """
        try directory.write("Main.java", program)
        try expectTexts(
            try await directory.run(
                in: "frost-compat-jdbc",
                "sh",
                "-c",
                "javac -encoding US-ASCII Main.java && java -cp . Main"
            )
        )
    }

    /// Foundation's own decoder drops U+FEFF from the beginning.
    private func decoded(_ part: String?) -> String {
        let pieces = (part ?? "").split(separator: "%", omittingEmptySubsequences: false)
        let bytes = pieces.dropFirst().flatMap { [UInt8($0.prefix(2), radix: 16) ?? 0] + $0.dropFirst(2).utf8 }
        return String(decoding: Array(pieces[0].utf8) + bytes, as: UTF8.self)
    }

    private func expectTexts(_ output: Data) throws {
        let read = output.split(separator: 0, omittingEmptySubsequences: false).dropLast()
        try #require(read.count == SnippetTexts.texts.count)
        for (read, text) in zip(read, SnippetTexts.texts) { #expect(Array(read) == Array(text.utf8), "\(text)") }
    }
}

/// A directory of one test, which goes with it, and programs run there.
private final class Directory: Sendable {
    private let url = FileManager.default.temporaryDirectory.appendingPathComponent("snippets-\(UUID())")

    init() throws {
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    }

    deinit {
        try? FileManager.default.removeItem(at: url)
    }

    var path: String { url.path }

    func write(_ name: String, _ text: String) throws {
        try Data(text.utf8).write(to: url.appendingPathComponent(name))
    }

    /// Runs a program here, which has to succeed.
    ///
    /// - Returns: the standard output.
    func run(_ command: String...) async throws -> Data {
        let output = try await Command.check("sh", ["-c", #"cd "$0" && exec "$@""#, path] + command)
        return Data(output.utf8)
    }

    /// Runs a program where the gate's client runs, whose image `scripts/compat-setup.sh` makes; in this directory.
    ///
    /// - Returns: the standard output.
    func run(in image: String, _ program: String, _ arguments: String...) async throws -> Data {
        let options = ["run", "--rm", "--network", "none", "-v", "\(path):/work", "-w", "/work"]
        let output = try await Command.check("docker", options + ["--entrypoint", program, image] + arguments)
        return Data(output.utf8)
    }
}
