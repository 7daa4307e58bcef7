import java.io.StringReader;
import java.io.StringWriter;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.postgresql.PGConnection;
import org.postgresql.PGNotification;

/** pgjdbc: TLS by JSSE, cancel in plaintext. The contract is in ../README.md. */
public final class JdbcClient {
    private static final int LARGE_ROWS = 1024;
    private static final int LARGE_ROW = 65536;
    private static final int COPY_ROWS = 10_000;

    private interface Scenario {
        /** Returns how long connecting took in milliseconds, or null. */
        Double run() throws Exception;
    }

    private final Map<String, String> job;

    private JdbcClient(Map<String, String> job) {
        this.job = job;
    }

    private static void check(boolean condition, String detail) {
        if (!condition) {
            throw new IllegalStateException(detail);
        }
    }

    private Connection connect(String host, String password, String sslMode) throws SQLException {
        Properties properties = new Properties();
        properties.setProperty("user", job.get("user"));
        properties.setProperty("password", password);
        properties.setProperty("sslmode", sslMode);
        properties.setProperty("connectTimeout", "20");
        return DriverManager.getConnection(
            "jdbc:postgresql://" + host + ":" + job.get("port") + "/" + job.get("database"), properties);
    }

    private Connection connect() throws SQLException {
        return connect(job.get("host"), job.get("password"), "require");
    }

    private Double roundTrip() throws SQLException {
        long start = System.nanoTime();
        try (Connection connection = connect()) {
            double elapsed = (System.nanoTime() - start) / 1e6;
            check(count(connection, "SELECT 40 + 2") == 42, "wrong answer");
            return elapsed;
        }
    }

    private static long count(Connection connection, String query) throws SQLException {
        try (Statement statement = connection.createStatement(); ResultSet rows = statement.executeQuery(query)) {
            rows.next();
            return rows.getLong(1);
        }
    }

    private Double refused(String sqlState, String text, String host, String password, String sslMode) {
        try (Connection connection = connect(host, password, sslMode)) {
            throw new IllegalStateException("connected, but " + sqlState + " was expected");
        } catch (SQLException error) {
            check(sqlState.equals(error.getSQLState()),
                "SQLSTATE " + error.getSQLState() + " instead of " + sqlState + ": " + error.getMessage());
            check(error.getMessage().contains(text), "the message has no '" + text + "': " + error.getMessage());
            return null;
        }
    }

    private Double prepared() throws SQLException {
        try (Connection connection = connect();
            PreparedStatement statement = connection.prepareStatement("SELECT ?::int * 2")) {
            for (int number = 0; number < 50; number++) {
                statement.setInt(1, number);
                try (ResultSet rows = statement.executeQuery()) {
                    check(rows.next() && rows.getInt(1) == number * 2, "another answer for " + number);
                }
            }
            return null;
        }
    }

    private Double largeResult() throws SQLException {
        String query = "SELECT repeat('x', " + LARGE_ROW + ") FROM generate_series(1, " + LARGE_ROWS + ")";
        try (Connection connection = connect();
            Statement statement = connection.createStatement();
            ResultSet rows = statement.executeQuery(query)) {
            int count = 0;
            while (rows.next()) {
                check(rows.getString(1).length() == LARGE_ROW, "a row of another size");
                count++;
            }
            check(count == LARGE_ROWS, count + " rows");
            return null;
        }
    }

    private Double copy() throws Exception {
        StringBuilder text = new StringBuilder();
        for (int number = 0; number < COPY_ROWS; number++) {
            text.append(number).append("\trow ").append(number).append('\n');
        }
        try (Connection connection = connect(); Statement statement = connection.createStatement()) {
            statement.execute("CREATE TEMP TABLE copied (id int, text text)");
            var copies = connection.unwrap(PGConnection.class).getCopyAPI();
            copies.copyIn("COPY copied FROM STDIN", new StringReader(text.toString()));
            StringWriter sink = new StringWriter();
            copies.copyOut("COPY (SELECT * FROM copied ORDER BY id) TO STDOUT", sink);
            check(sink.toString().contentEquals(text), "other rows came out");
            return null;
        }
    }

    private Double listenNotify() throws SQLException {
        try (Connection listener = connect();
            Connection notifier = connect();
            Statement listen = listener.createStatement();
            Statement notify = notifier.createStatement()) {
            listen.execute("LISTEN gate");
            notify.execute("NOTIFY gate, 'hello'");
            PGNotification[] heard = listener.unwrap(PGConnection.class).getNotifications(10_000);
            check(heard != null && heard.length == 1, "no notification within 10 s");
            check("hello".equals(heard[0].getParameter()), heard[0].getParameter());
            return null;
        }
    }

    private Double cancel() throws Exception {
        try (Connection connection = connect();
            Connection observer = connect();
            Statement statement = connection.createStatement()) {
            int pid = connection.unwrap(PGConnection.class).getBackendPID();
            SQLException[] error = new SQLException[1];
            Thread sleeper = new Thread(() -> {
                try {
                    statement.execute("SELECT pg_sleep(60)");
                } catch (SQLException caught) {
                    error[0] = caught;
                }
            });
            sleeper.start();
            String query =
                "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND pid = " + pid;
            while (count(observer, query) != 1) {
                check(sleeper.isAlive(), "the query ended by itself: " + error[0]);
            }
            statement.cancel();
            sleeper.join(30_000);
            check(!sleeper.isAlive(), "not cancelled within 30 s");
            check(error[0] != null && "57014".equals(error[0].getSQLState()), String.valueOf(error[0]));
            return null;
        }
    }

    private Double scram() throws SQLException {
        refused("28P01", "password authentication failed", job.get("host"), "wrong", "require");
        roundTrip();
        return null;
    }

    private Double connects200() throws SQLException {
        for (int count = 0; count < 200; count++) {
            roundTrip();
        }
        return null;
    }

    private Map<String, Scenario> scenarios() {
        String password = job.get("password");
        Map<String, Scenario> scenarios = new LinkedHashMap<>();
        scenarios.put("connect", this::roundTrip);
        scenarios.put("wrong_hostname",
            () -> refused("3D000", job.get("wrongHost"), job.get("wrongHost"), password, "require"));
        scenarios.put("no_sni", () -> refused("08004", "no server name", job.get("address"), password, "require"));
        scenarios.put("plaintext",
            () -> refused("28000", "TLS is required", job.get("host"), password, "disable"));
        scenarios.put("prepared", this::prepared);
        scenarios.put("large_result", this::largeResult);
        scenarios.put("copy", this::copy);
        scenarios.put("listen_notify", this::listenNotify);
        scenarios.put("cancel", this::cancel);
        scenarios.put("scram", this::scram);
        scenarios.put("connects_200", this::connects200);
        return scenarios;
    }

    /** Reads a flat JSON object whose values are texts, numbers and one list of texts. */
    private static Map<String, String> parse(String json) {
        Map<String, String> values = new LinkedHashMap<>();
        Matcher matcher = Pattern.compile("\"(\\w+)\"\\s*:\\s*(?:\"([^\"]*)\"|(-?\\d+)|\\[([^\\]]*)\\])").matcher(json);
        while (matcher.find()) {
            String value = matcher.group(2) != null ? matcher.group(2)
                : matcher.group(3) != null ? matcher.group(3) : matcher.group(4);
            values.put(matcher.group(1), value);
        }
        return values;
    }

    private static String quote(String text) {
        StringBuilder quoted = new StringBuilder("\"");
        for (char character : text.substring(0, Math.min(500, text.length())).toCharArray()) {
            if (character == '"' || character == '\\') {
                quoted.append('\\').append(character);
            } else if (character < 0x20 || character > 0x7e) {
                quoted.append(String.format("\\u%04x", (int) character));
            } else {
                quoted.append(character);
            }
        }
        return quoted.append('"').toString();
    }

    public static void main(String[] arguments) {
        JdbcClient client = new JdbcClient(parse(arguments[0]));
        Map<String, Scenario> scenarios = client.scenarios();
        List<String> names = new ArrayList<>();
        for (String name : client.job.get("scenarios").split(",")) {
            names.add(name.strip().replace("\"", ""));
        }
        int rounds = Integer.parseInt(client.job.get("rounds"));
        for (String name : names) {
            for (int round = 0; round < rounds; round++) {
                Double elapsed = null;
                String detail = "";
                boolean passed = true;
                try {
                    elapsed = scenarios.get(name).run();
                } catch (Exception error) {
                    passed = false;
                    detail = String.valueOf(error);
                }
                System.out.println("{\"scenario\":" + quote(name) + ",\"ok\":" + passed + ",\"ms\":" + elapsed
                    + ",\"detail\":" + quote(detail) + "}");
            }
        }
    }
}
