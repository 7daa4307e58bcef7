import GRDB

/// The schema, with one step per release that changed it. Released steps never change.
enum Migrations {
    static var migrator: DatabaseMigrator {
        var migrator = DatabaseMigrator()
        migrator.registerMigration("1: projects, databases, targets, operations") { db in
            try db.create(table: "setting") { table in
                table.primaryKey("key", .text)
                table.column("value", .text).notNull()
            }
            try db.create(table: "project") { table in
                table.primaryKey("id", .text)
                table.column("name", .text).notNull().unique()
                table.column("createdAt", .datetime).notNull()
            }
            try db.create(table: "database") { table in
                table.primaryKey("id", .text)
                table.column("projectId", .text).notNull().indexed().references("project", onDelete: .restrict)
                table.column("name", .text).notNull()
                table.column("username", .text).notNull()
                table.column("password", .text).notNull()
                table.column("databaseName", .text).notNull()
                table.column("createdAt", .datetime).notNull()
                table.uniqueKey(["projectId", "name"])
            }
            try db.create(table: "target") { table in
                table.primaryKey("id", .text)
                table.column("databaseId", .text).notNull().references("database", onDelete: .restrict)
                table.column("name", .text).notNull()
                table.column("sourceTargetId", .text).indexed().references("target", onDelete: .setNull)
                table.column("runtime", .text).notNull()
                table.column("hostPort", .integer).notNull().unique()
                table.column("lifecycleStatus", .text).notNull()
                table.column("reason", .text)
                table.column("hostname", .text).unique()
                table.column("createdAt", .datetime).notNull()
                table.uniqueKey(["databaseId", "name"])
            }
            // No reference: operations are kept after the branch is deleted.
            try db.create(table: "operation") { table in
                table.primaryKey("id", .text)
                table.column("targetId", .text).notNull().indexed()
                table.column("action", .text).notNull()
                table.column("status", .text).notNull()
                table.column("step", .text)
                table.column("message", .text)
                table.column("startedAt", .datetime).notNull()
                table.column("finishedAt", .datetime)
            }
            // One operation at a time on a branch, over all processes.
            try db.execute(
                sql: "CREATE UNIQUE INDEX operation_running ON operation (targetId) WHERE status = 'running'"
            )
        }
        migrator.registerMigration("2: databases that are being deleted, ports that were freed") { db in
            try db.alter(table: "database") { table in
                table.add(column: "isDeleting", .boolean).notNull().defaults(to: false)
            }
            try db.create(table: "freedPort") { table in
                table.primaryKey("hostPort", .integer)
                table.column("freedAt", .datetime).notNull()
            }
        }
        migrator.registerMigration("3: operations keep the name of their branch") { db in
            try db.alter(table: "operation") { table in
                table.add(column: "targetName", .text)
            }
        }
        migrator.registerMigration("4: logins") { db in
            try db.create(table: "login") { table in
                table.primaryKey("hash", .text)
                table.column("endsAt", .datetime).notNull().indexed()
            }
        }
        migrator.registerMigration("5: the mark of a store, tries of operations") { db in
            try db.execute(sql: "PRAGMA application_id = \(StoreFile.applicationID)")
            // The last failed try of recovery to finish an operation.
            try db.alter(table: "operation") { table in
                table.add(column: "triedAt", .datetime)
            }
        }
        migrator.registerMigration("6: what was turned off in a copy") { db in
            try db.alter(table: "operation") { table in
                table.add(column: "turnedOff", .text)
            }
        }
        migrator.registerMigration("7: hostnames that were given") { db in
            // No reference: a name stays reserved for a time after its branch is deleted.
            try db.create(table: "givenHostname") { table in
                table.primaryKey("hostname", .text)
                table.column("targetId", .text).notNull()
                table.column("project", .text).notNull()
                table.column("database", .text).notNull()
                table.column("branch", .text).notNull()
                table.column("freedAt", .datetime)
            }
        }
        migrator.registerMigration("8: versions of PostgreSQL, passwords that branches do not have yet") { db in
            try db.alter(table: "target") { table in
                table.add(column: "postgresVersion", .integer)
                table.add(column: "passwordState", .text).notNull().defaults(to: PasswordState.known.rawValue)
            }
        }
        migrator.registerMigration("9: images of branches in containers") { db in
            try db.alter(table: "target") { table in
                table.add(column: "image", .text)
            }
        }
        migrator.registerMigration("10: the mark of the last change") { db in
            try StoreMark.make(in: db)
        }
        migrator.registerMigration("11: former hostnames that lead to their branches for a time") { db in
            try db.create(table: "hostnameAlias") { table in
                table.primaryKey("hostname", .text)
                table.column("targetId", .text).notNull().indexed().references("target", onDelete: .cascade)
                table.column("endsAt", .datetime).notNull()
            }
        }
        migrator.registerMigration("12: branches that expire, operations that frost began by itself") { db in
            try db.create(table: "branchExpiry") { table in
                table.primaryKey("targetId", .text).references("target", onDelete: .cascade)
                table.column("ttlValue", .integer).notNull()
                table.column("ttlUnit", .text).notNull()
                table.column("unusedSeconds", .integer).notNull()
                table.column("expiredSeconds", .integer).notNull()
                table.column("lastUsedAt", .datetime).notNull()
                table.column("lookedAt", .datetime)
                table.column("sessions", .integer)
            }
            try db.alter(table: "operation") { table in
                table.add(column: "actor", .text).notNull().defaults(to: BranchOperation.Actor.user.rawValue)
            }
        }
        migrator.registerMigration("13: how much of a copy is done, operations that are cancelled") { db in
            try db.alter(table: "operation") { table in
                table.add(column: "doneBytes", .integer)
                table.add(column: "totalBytes", .integer)
                table.add(column: "isCancelled", .boolean).notNull().defaults(to: false)
            }
        }
        return migrator
    }
}
