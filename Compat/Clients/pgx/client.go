// pgx v4: TLS by Go, cancel in plaintext. The contract is in ../README.md.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"time"

	"github.com/jackc/pgconn"
	"github.com/jackc/pgx/v4"
)

const (
	largeRows = 1024
	largeRow  = 65536
	copyRows  = 10000
)

type job struct {
	Host, WrongHost, Address, User, Password, Database string
	Port, Rounds                                       int
	Scenarios                                          []string
}

type record struct {
	Scenario string   `json:"scenario"`
	OK       bool     `json:"ok"`
	MS       *float64 `json:"ms"`
	Detail   string   `json:"detail"`
}

func (j job) connect(host, password, sslMode string) (*pgx.Conn, error) {
	ctx, stop := context.WithTimeout(context.Background(), 20*time.Second)
	defer stop()
	config, err := pgx.ParseConfig(fmt.Sprintf("host=%s port=%d user='%s' password='%s' dbname='%s' sslmode=%s",
		host, j.Port, j.User, password, j.Database, sslMode))
	if err != nil {
		return nil, err
	}
	// This version sends no server name with sslmode=require unless the program sets one.
	if config.TLSConfig != nil && net.ParseIP(host) == nil {
		config.TLSConfig.ServerName = host
	}
	return pgx.ConnectConfig(ctx, config)
}

func (j job) open() (*pgx.Conn, error) { return j.connect(j.Host, j.Password, "require") }

func (j job) roundTrip() (*float64, error) {
	start := time.Now()
	conn, err := j.open()
	if err != nil {
		return nil, err
	}
	defer conn.Close(context.Background())
	elapsed := float64(time.Since(start).Nanoseconds()) / 1e6
	var answer int
	if err := conn.QueryRow(context.Background(), "SELECT 40 + 2").Scan(&answer); err != nil {
		return nil, err
	}
	if answer != 42 {
		return nil, fmt.Errorf("wrong answer %d", answer)
	}
	return &elapsed, nil
}

func (j job) refused(sqlState, text, host, password, sslMode string) error {
	conn, err := j.connect(host, password, sslMode)
	if err == nil {
		conn.Close(context.Background())
		return fmt.Errorf("connected, but %s was expected", sqlState)
	}
	var pgError *pgconn.PgError
	if !errors.As(err, &pgError) {
		return fmt.Errorf("no error of PostgreSQL's: %w", err)
	}
	if pgError.Code != sqlState || !strings.Contains(pgError.Message, text) {
		return fmt.Errorf("%s %s instead of %s '%s'", pgError.Code, pgError.Message, sqlState, text)
	}
	return nil
}

func (j job) prepared() error {
	return j.with(func(ctx context.Context, conn *pgx.Conn) error {
		if _, err := conn.Prepare(ctx, "double", "SELECT $1::int * 2"); err != nil {
			return err
		}
		for number := 0; number < 50; number++ {
			var value int
			if err := conn.QueryRow(ctx, "double", number).Scan(&value); err != nil {
				return err
			}
			if value != number*2 {
				return fmt.Errorf("%d for %d", value, number)
			}
		}
		return nil
	})
}

func (j job) largeResult() error {
	return j.with(func(ctx context.Context, conn *pgx.Conn) error {
		rows, err := conn.Query(ctx,
			fmt.Sprintf("SELECT repeat('x', %d) FROM generate_series(1, %d)", largeRow, largeRows))
		if err != nil {
			return err
		}
		defer rows.Close()
		count := 0
		for rows.Next() {
			var text string
			if err := rows.Scan(&text); err != nil {
				return err
			}
			if len(text) != largeRow {
				return fmt.Errorf("a row of %d bytes", len(text))
			}
			count++
		}
		if count != largeRows {
			return fmt.Errorf("%d rows: %v", count, rows.Err())
		}
		return rows.Err()
	})
}

func (j job) copy() error {
	return j.with(func(ctx context.Context, conn *pgx.Conn) error {
		if _, err := conn.Exec(ctx, "CREATE TEMP TABLE copied (id int, text text)"); err != nil {
			return err
		}
		var text bytes.Buffer
		for number := 0; number < copyRows; number++ {
			fmt.Fprintf(&text, "%d\trow %d\n", number, number)
		}
		want := text.String()
		if _, err := conn.PgConn().CopyFrom(ctx, &text, "COPY copied FROM STDIN"); err != nil {
			return err
		}
		var sink bytes.Buffer
		if _, err := conn.PgConn().CopyTo(ctx, &sink, "COPY (SELECT * FROM copied ORDER BY id) TO STDOUT"); err != nil {
			return err
		}
		if sink.String() != want {
			return errors.New("other rows came out")
		}
		return nil
	})
}

func (j job) listenNotify() error {
	return j.with(func(ctx context.Context, listener *pgx.Conn) error {
		return j.with(func(ctx context.Context, notifier *pgx.Conn) error {
			if _, err := listener.Exec(ctx, "LISTEN gate"); err != nil {
				return err
			}
			if _, err := notifier.Exec(ctx, "NOTIFY gate, 'hello'"); err != nil {
				return err
			}
			ctx, stop := context.WithTimeout(ctx, 10*time.Second)
			defer stop()
			heard, err := listener.WaitForNotification(ctx)
			if err != nil {
				return err
			}
			if heard.Payload != "hello" {
				return errors.New(heard.Payload)
			}
			return nil
		})
	})
}

func (j job) cancel() error {
	return j.with(func(ctx context.Context, conn *pgx.Conn) error {
		return j.with(func(ctx context.Context, observer *pgx.Conn) error {
			ended := make(chan error, 1)
			pid := conn.PgConn().PID()
			go func() {
				_, err := conn.Exec(ctx, "SELECT pg_sleep(60)")
				ended <- err
			}()
			for count := 0; count != 1; {
				query := "SELECT count(*) FROM pg_stat_activity WHERE pid = $1 AND wait_event = 'PgSleep'"
				if err := observer.QueryRow(ctx, query, int32(pid)).Scan(&count); err != nil {
					return err
				}
			}
			if err := conn.PgConn().CancelRequest(ctx); err != nil {
				return fmt.Errorf("cancel request: %w", err)
			}
			var pgError *pgconn.PgError
			select {
			case err := <-ended:
				if !errors.As(err, &pgError) || pgError.Code != "57014" {
					return fmt.Errorf("%v", err)
				}
				return nil
			case <-time.After(30 * time.Second):
				return errors.New("not cancelled within 30 s")
			}
		})
	})
}

func (j job) with(use func(context.Context, *pgx.Conn) error) error {
	conn, err := j.open()
	if err != nil {
		return err
	}
	defer conn.Close(context.Background())
	return use(context.Background(), conn)
}

func (j job) run(scenario string) (*float64, error) {
	switch scenario {
	case "connect":
		return j.roundTrip()
	case "wrong_hostname":
		return nil, j.refused("3D000", j.WrongHost, j.WrongHost, j.Password, "require")
	case "no_sni":
		return nil, j.refused("08004", "no server name", j.Address, j.Password, "require")
	case "plaintext":
		return nil, j.refused("28000", "TLS is required", j.Host, j.Password, "disable")
	case "prepared":
		return nil, j.prepared()
	case "large_result":
		return nil, j.largeResult()
	case "copy":
		return nil, j.copy()
	case "listen_notify":
		return nil, j.listenNotify()
	case "cancel":
		return nil, j.cancel()
	case "scram":
		if err := j.refused("28P01", "password authentication failed", j.Host, "wrong", "require"); err != nil {
			return nil, err
		}
		_, err := j.roundTrip()
		return nil, err
	case "connects_200":
		for count := 0; count < 200; count++ {
			if _, err := j.roundTrip(); err != nil {
				return nil, err
			}
		}
		return nil, nil
	}
	return nil, fmt.Errorf("this client has no scenario %s", scenario)
}

func main() {
	var j job
	if err := json.Unmarshal([]byte(os.Args[1]), &j); err != nil {
		fmt.Fprintln(os.Stderr, "the job is no JSON:", err)
		os.Exit(64)
	}
	out := json.NewEncoder(os.Stdout)
	for _, scenario := range j.Scenarios {
		for round := 0; round < j.Rounds; round++ {
			elapsed, err := j.run(scenario)
			r := record{Scenario: scenario, OK: err == nil, MS: elapsed}
			if err != nil {
				r.Detail = err.Error()
			}
			if err := out.Encode(r); err != nil {
				os.Exit(1)
			}
		}
	}
}
