/// The program of the JDBC tab.
extension ConnectionSnippets {
    /// pgjdbc: https://jdbc.postgresql.org/documentation/use/
    ///
    /// The parameters are in the URL so that the URL alone serves where only that is asked for.
    static func jdbc(_ info: ConnectionInfo) -> String {
        """
        // Save as Main.java beside the driver: java -cp postgresql.jar Main.java
        import java.sql.Connection;
        import java.sql.DriverManager;
        import java.sql.ResultSet;
        import java.sql.SQLException;
        import java.sql.Statement;

        public class Main {
        \(jdbcMain(jdbcURL(info)))
        }

        """
    }

    /// Java asks the system's resolver alone. So the driver, which takes the hostname for TLS from its URL, gets its
    /// sockets from a class that connects them to the address.
    static func jdbcOnThisHost(_ info: ConnectionInfo, address: String) -> String {
        """
        // Save as Main.java beside the driver: javac -cp postgresql.jar Main.java && java -cp postgresql.jar:. Main
        import java.io.IOException;
        import java.net.InetAddress;
        import java.net.Socket;
        import java.sql.Connection;
        import java.sql.DriverManager;
        import java.sql.ResultSet;
        import java.sql.SQLException;
        import java.sql.Statement;
        import javax.net.SocketFactory;

        public class Main {
        \(jdbcMain(jdbcURL(info, parameters: [("socketFactory", "Main$ThisHost")])))

            /** Connects to this host for any name: not every system resolves names under .localhost. */
            public static class ThisHost extends SocketFactory {
                @Override
                public Socket createSocket() throws IOException {
                    return new Socket(\(java(address)), \(info.port));
                }

                @Override
                public Socket createSocket(String host, int port) throws IOException {
                    return createSocket();
                }

                @Override
                public Socket createSocket(InetAddress host, int port) throws IOException {
                    return createSocket();
                }

                @Override
                public Socket createSocket(String host, int port, InetAddress from, int fromPort) throws IOException {
                    return createSocket();
                }

                @Override
                public Socket createSocket(InetAddress host, int port, InetAddress from, int fromPort)
                        throws IOException {
                    return createSocket();
                }
            }
        }

        """
    }

    static func jdbcURL(_ info: ConnectionInfo, parameters: [(String, String)] = []) -> String {
        let login = [("user", info.username), ("password", info.password)]
        // Otherwise the driver looks for a file of its own even with verify-full.
        let factory = info.sslMode == .verifyFull(.system) ? [("sslfactory", systemRoots)] : []
        return "jdbc:postgresql://\(authority(info))"
            + path(info, parameters: login + fileParameters(info) + factory + parameters)
    }

    /// Checks against the Java runtime's CAs: https://jdbc.postgresql.org/documentation/ssl/
    private static let systemRoots = "org.postgresql.ssl.DefaultJavaSSLFactory"

    private static func jdbcMain(_ url: String) -> String {
        let lines = """
            public static void main(String[] arguments) throws SQLException {
                String url = \(java(url));
                try (Connection connection = DriverManager.getConnection(url);
                        Statement statement = connection.createStatement();
                        ResultSet rows = statement.executeQuery("SELECT current_database()")) {
                    rows.next();
                    System.out.println(rows.getString(1));
                }
            }
            """
        return indented(lines.split(separator: "\n").map(String.init), by: 4)
    }
}
