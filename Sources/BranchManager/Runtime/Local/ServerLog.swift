/// A local server's log with bounded size: a pipe to a writer that keeps two files.
///
/// `server.log` starts with the server's last start, or has it near its end; when full, it becomes `server.log.1`, and
/// the new one starts with the lines of that start again. So the last start and the last failure are always available,
/// no matter what a branch logs in between, and both files together have at most twice the limit.
///
/// The writer is a shell with `dd`, run as the server's account, and ends with the server. PostgreSQL's own collector
/// is not suitable: it truncates by age only, and a branch's superuser can configure it.
struct ServerLog: Sendable {
    /// Of each file, in bytes.
    let limit: Int

    static let defaultLimit = 8 * 1_024 * 1_024
    /// How much of a start's lines is copied to a new file, in bytes.
    private static let head = 16 * 1_024

    /// `$1` is the log, `$2` the limit, `$3` the head; the rest is the program that starts the server.
    ///
    /// Prints only the program's exit code and the writer's process on standard output: the program's output goes to
    /// the log. Does not wait for the writer, which runs as long as the server.
    static let script = """
        log=$1 limit=$2 head=$3
        shift 3
        # A server that has been running for long begins a new file; one that fails again and again does not.
        size=$(wc -c <"$log" 2>/dev/null) || size=0
        if [ "$size" -gt $((limit / 8)) ]; then
            mv -f -- "$log" "$log.1"
            size=0
        fi
        start=$((size + 1))
        # Ends with the program: the writer inherits only the pipe.
        said=$({ { "$@" 2>&1 3>&-; echo "code $?" >&3; } | setsid /bin/sh -c '
            # Survive a signal to all processes of the server, to write its last messages.
            trap "" TERM
            echo "writer $$" >&3
            exec 3>&-
            log=$1 limit=$2 head=$3 start=$4
            while :; do
                size=$(wc -c <"$log" 2>/dev/null) || size=0
                if [ "$size" -ge "$limit" ]; then
                    mv -f -- "$log" "$log.1"
                    tail -c "+$start" "$log.1" | head -c "$head" >"$log"
                    printf "\\n... (server.log.1 has what came before)\\n" >>"$log"
                    start=1
                    size=$(wc -c <"$log")
                fi
                # Written as it comes. A short read counts as a block of it: dd ends before the limit, and begins again.
                if dd bs=1024 iflag=count_bytes count=$((limit - size)) oflag=append conv=notrunc of="$log" status=none
                then
                    [ "$(wc -c <"$log")" -lt "$limit" ] || continue
                    # The end of the input, unless another process has written to the file or truncated it.
                    more=$(dd bs=1024 count=1 status=none | tee -a "$log" | wc -c)
                else
                    # A disk that is full: the server must not wait for it.
                    more=$(dd bs=1024 count=1 status=none | wc -c)
                fi
                [ "$more" -gt 0 ] || exit 0
            done
        ' sh "$log" "$limit" "$head" "$start" >/dev/null 2>&1 & } 3>&1)
        echo "$said"
        """

    /// The script's output: `code 0` and `writer 1234`, in any order.
    static func outcome(_ printed: String) -> (code: Int?, writer: Int32?) {
        var (code, writer): (Int?, Int32?)
        for line in printed.split(separator: "\n") {
            if line.hasPrefix("code ") { code = Int(line.dropFirst(5)) }
            if line.hasPrefix("writer ") { writer = Int32(line.dropFirst(7)) }
        }
        return (code, writer)
    }

    func arguments(_ log: String, _ program: [String]) -> [String] {
        ["-c", Self.script, "sh", log, String(limit), String(Self.head)] + program
    }
}
