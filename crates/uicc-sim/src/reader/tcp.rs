//! The card on a TCP port, for scripts in any language: the line protocol of [`super::line`].
//!
//! Every connection talks to the same card, one request at a time; what one selected the next finds selected, as in a
//! reader that is shared. There is no authentication: listen on the machine's own address.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use zeroize::Zeroizing;

use super::line::{Answer, LONGEST_LINE, LineCard, LineReader};
use super::stop::Stop;

/// Connections at one time; more are told so and closed.
const MOST_CONNECTIONS: usize = 64;

/// Pause when the system has no socket to give.
const PAUSE: Duration = Duration::from_millis(50);

/// A card that several connections talk to, with the reader that it is in.
struct Shared<C> {
    card: C,
    reader: LineReader,
}

/// Serves the card on this port until it is told to stop, then ends every connection. A command that is being executed
/// is finished.
///
/// # Errors
/// What the system says when the port has no address any more.
pub fn serve<C>(listener: &TcpListener, card: C, stop: &Stop) -> io::Result<()>
where
    C: LineCard + 'static,
{
    let address = listener.local_addr()?;
    let shared = Arc::new(Mutex::new(Shared {
        card,
        reader: LineReader::new(),
    }));
    thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.is_stopped() {
                stop.pause(Duration::from_secs(3600));
            }
            // Wakes the thread that waits for connections.
            drop(TcpStream::connect(address));
        });
        loop {
            let accepted = listener.accept();
            if stop.is_stopped() {
                return;
            }
            match accepted {
                Ok((mut stream, _)) if stop.open() >= MOST_CONNECTIONS => {
                    tracing::warn!("too many connections, one closed");
                    // It may have gone by itself.
                    let _ = stream.write_all(b"error: too many connections\n");
                }
                Ok((stream, _)) => {
                    // Counted before the next one is accepted.
                    let watched = stop.watch(&stream);
                    let shared = Arc::clone(&shared);
                    scope.spawn(move || {
                        let talked = watched.and_then(|_watched| talk(&stream, &shared));
                        if let Err(error) = talked {
                            tracing::debug!(%error, "connection ended");
                        }
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "connection not accepted");
                    stop.pause(PAUSE);
                }
            }
        }
    });
    Ok(())
}

/// One connection, to its end.
fn talk<C: LineCard>(stream: &TcpStream, shared: &Mutex<Shared<C>>) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut requests = BufReader::new(stream);
    let mut stream = stream;
    let mut line = Zeroizing::new(Vec::new());
    // Of a line that is too long only the beginning is answered.
    let mut is_continued = false;
    loop {
        line.clear();
        let limit = u64::try_from(LONGEST_LINE).unwrap_or(u64::MAX);
        if requests.by_ref().take(limit).read_until(b'\n', &mut line)? == 0 {
            return Ok(());
        }
        let goes_on = line.len() >= LONGEST_LINE && line.last() != Some(&b'\n');
        let answer = match core::mem::replace(&mut is_continued, goes_on) {
            true => continue,
            false if goes_on => Answer::Line("error: the line is too long".into()),
            false => answer(&line, shared),
        };
        match answer {
            Answer::Line(text) => stream.write_all(format!("{text}\n").as_bytes())?,
            Answer::Last(text) => return stream.write_all(format!("{text}\n").as_bytes()),
        }
    }
}

fn answer<C: LineCard>(line: &[u8], shared: &Mutex<Shared<C>>) -> Answer {
    let Ok(request) = core::str::from_utf8(line) else {
        return Answer::Line("error: neither hexadecimal nor a request".into());
    };
    let mut shared = shared.lock().unwrap_or_else(PoisonError::into_inner);
    let Shared { card, reader } = &mut *shared;
    reader.answer(request, card)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{CardConfig, Uicc};
    use std::net::SocketAddr;

    struct Line(BufReader<TcpStream>);

    impl Line {
        fn to(address: SocketAddr) -> Self {
            Self(BufReader::new(TcpStream::connect(address).unwrap()))
        }

        fn ask(&mut self, request: &[u8]) -> String {
            self.0.get_mut().write_all(request).unwrap();
            self.hear()
        }

        fn hear(&mut self) -> String {
            let mut line = String::new();
            self.0.read_line(&mut line).unwrap();
            line
        }
    }

    fn served(test: impl FnOnce(SocketAddr)) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let card = Uicc::new(CardConfig::from_profile("default").unwrap()).unwrap();
        let stop = Stop::new();
        let stopped = stop.clone();
        let server = thread::spawn(move || serve(&listener, card, &stopped));
        test(address);
        stop.stop();
        server.join().unwrap().unwrap();
    }

    #[test]
    fn a_script_talks_to_the_card() {
        served(|address| {
            let mut line = Line::to(address);
            assert_eq!(line.ask(b"atr\n"), "3B878131FE4554534D55494343DA\n");
            let fci = line.ask(b"00A4040000\n");
            assert!(fci.starts_with("6F") && fci.ends_with("9000\n"), "{fci}");
            assert_eq!(
                line.ask(b"hello\xFF\n"),
                "error: neither hexadecimal nor a request\n"
            );
            // Several requests in one segment, the last without its end.
            line.0.get_mut().write_all(b"iccid\natr\niccid").unwrap();
            line.0
                .get_mut()
                .shutdown(std::net::Shutdown::Write)
                .unwrap();
            assert_eq!(line.hear(), "8981100000000000010\n");
            assert_eq!(line.hear(), "3B878131FE4554534D55494343DA\n");
            assert_eq!(line.hear(), "8981100000000000010\n");
            assert_eq!(line.hear(), "");
        });
    }

    #[test]
    fn connections_share_the_card_and_quit_alone() {
        served(|address| {
            let (mut one, mut other) = (Line::to(address), Line::to(address));
            assert_eq!(one.ask(b"power-off\n"), "ok\n");
            assert_eq!(
                other.ask(b"00A4040000\n"),
                "error: the card is switched off\n"
            );
            assert_eq!(one.ask(b"quit\n"), "ok\n");
            assert_eq!(one.hear(), "");
            assert!(other.ask(b"reset\n").starts_with("3B"));
            assert!(other.ask(b"00A4040000\n").ends_with("9000\n"));
        });
    }

    #[test]
    fn a_line_that_is_too_long_is_refused_and_the_next_one_counts() {
        served(|address| {
            let mut line = Line::to(address);
            let endless = vec![b'0'; 2 * LONGEST_LINE];
            assert_eq!(
                line.ask(&endless[..LONGEST_LINE]),
                "error: the line is too long\n"
            );
            line.0.get_mut().write_all(&endless).unwrap();
            line.0.get_mut().write_all(b"atr\n").unwrap();
            assert!(line.ask(b"iccid\n").starts_with("8981"));
            // The longest line, its end included, is a request like any other.
            let mut longest = endless[..LONGEST_LINE].to_vec();
            longest[LONGEST_LINE - 1] = b'\n';
            let odd = "error: an odd number of hexadecimal digits\n";
            assert_eq!(line.ask(&longest), odd);
        });
    }

    #[test]
    fn one_connection_too_many_is_told_so() {
        served(|address| {
            let mut lines: Vec<Line> = (0..MOST_CONNECTIONS).map(|_| Line::to(address)).collect();
            let last = lines.last_mut().unwrap();
            assert!(last.ask(b"iccid\n").starts_with("8981"));
            let mut late = Line::to(address);
            assert_eq!(late.hear(), "error: too many connections\n");
            assert_eq!(late.hear(), "");
            assert_eq!(last.ask(b"quit\n"), "ok\n");
            assert_eq!(last.hear(), "");
            // Its place was free before its end was heard.
            assert!(Line::to(address).ask(b"iccid\n").starts_with("8981"));
        });
    }
}
