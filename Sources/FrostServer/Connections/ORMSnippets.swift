/// Programs for object-relational mappers. Each uses the names of its own settings, so that they can be copied from it.
extension ConnectionSnippets {
    // MARK: SQLAlchemy

    /// SQLAlchemy 2 over psycopg 3: https://docs.sqlalchemy.org/en/20/dialects/postgresql.html
    ///
    /// Built from parts rather than a string, because SQLAlchemy does not decode the database's name in a URL.
    static func sqlalchemy(_ info: ConnectionInfo) -> String {
        let values = [
            ("username", python(info.username)),
            ("password", python(info.password)),
            ("host", python(info.host)),
            ("port", String(info.port)),
            ("database", python(info.databaseName)),
        ]
        let query = libpqParameters(info)
        let lines =
            ["\"postgresql+psycopg\","] + values.map { "\($0.0)=\($0.1)," }
            + (query.isEmpty ? [] : ["query=\(pythonDictionary(query)),"])
        return """
            # pip install sqlalchemy "psycopg[binary]"
            import sqlalchemy

            engine = sqlalchemy.create_engine(
                sqlalchemy.URL.create(
            \(indented(lines, by: 8))
                )
            )
            with engine.connect() as connection:
                print(connection.execute(sqlalchemy.text("SELECT current_database()")).scalar())

            """
    }

    // MARK: Django

    /// Django 4.2 or newer over psycopg 3: https://docs.djangoproject.com/en/stable/ref/databases/#postgresql-notes
    static func django(_ info: ConnectionInfo) -> String {
        let options = libpqParameters(info)
        let values = [
            ("ENGINE", python("django.db.backends.postgresql")),
            ("HOST", python(info.host)),
            ("PORT", String(info.port)),
            ("USER", python(info.username)),
            ("PASSWORD", python(info.password)),
            ("NAME", python(info.databaseName)),
        ]
        let lines =
            values.map { "\(python($0.0)): \($0.1)," }
            + (options.isEmpty ? [] : ["\"OPTIONS\": \(pythonDictionary(options)),"])
        return """
            # pip install django "psycopg[binary]"; DATABASES is what goes into settings.py
            from django.conf import settings
            from django.db import connection

            DATABASES = {
                "default": {
            \(indented(lines, by: 8))
                }
            }

            settings.configure(DATABASES=DATABASES)
            with connection.cursor() as cursor:
                cursor.execute("SELECT current_database()")
                print(cursor.fetchone()[0])

            """
    }

    private static func pythonDictionary(_ values: [(String, String)]) -> String {
        "{\(values.map { "\(python($0.0)): \(python($0.1))" }.joined(separator: ", "))}"
    }

    // MARK: ActiveRecord

    /// ActiveRecord over pg, which is libpq:
    /// https://api.rubyonrails.org/classes/ActiveRecord/ConnectionAdapters/PostgreSQLAdapter.html
    static func activerecord(_ info: ConnectionInfo) -> String {
        let values =
            [
                ("adapter", ruby("postgresql")),
                ("host", ruby(info.host)),
                ("port", String(info.port)),
                ("username", ruby(info.username)),
                ("password", ruby(info.password)),
                ("database", ruby(info.databaseName)),
            ] + libpqParameters(info).map { ($0.0, ruby($0.1)) }
        return """
            # gem install activerecord pg; the same keys serve in config/database.yml
            require "active_record"

            ActiveRecord::Base.establish_connection(
            \(values.map { "    \($0.0): \($0.1)" }.joined(separator: ",\n"))
            )
            puts ActiveRecord::Base.connection.select_value("SELECT current_database()")

            """
    }
}
