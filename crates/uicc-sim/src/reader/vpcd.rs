//! The card end of vsmartcard's virtual reader (`vsmartcard-vpcd`), so that every PC/SC program sees the card.
//!
//! The driver in pcscd listens, the card connects and stays connected. A message is a length in two bytes and so many
//! bytes; a single byte is a control code, anything longer a command APDU:
//!
//! | from the reader | means | the card answers |
//! |---|---|---|
//! | `00` | power off | nothing |
//! | `01` | power on | nothing |
//! | `02` | reset | nothing |
//! | `04` | asks for the ATR, every 0.4 s: is there still a card? | the ATR |
//! | command APDU | | the response APDU |

use std::io::{self, BufWriter, Read, Write};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::sync::{MutexGuard, PoisonError};
use std::time::Duration;

use super::stop::Stop;
use crate::contacts::{CardContacts, NoAnswer};
use crate::phone::SharedCard;

/// Port of the first reader of `vsmartcard-vpcd`; each further one has the next.
pub const PORT: u16 = 35_963;

/// From one attempt to connect to the next.
const RETRY: Duration = Duration::from_millis(200);

/// How long a machine may take to accept a connection; nothing ends the wait before.
const PATIENCE: Duration = Duration::from_secs(2);

/// The answer when there is none that could be sent, because it was lost or does not fit the length: 6F00, no precise
/// diagnosis. The reader waits for one, and takes an empty one for a card that is gone.
const NO_DIAGNOSIS: [u8; 2] = [0x6F, 0x00];

/// Holds the card in the reader at this address, until it is told to stop. A reader that is not there yet, or goes, is
/// looked for again every 200 ms. A card that goes is pulled out of the reader and inserted again.
pub fn stay_in_reader(address: &str, card: &SharedCard, stop: &Stop) {
    let mut is_first = true;
    while !stop.is_stopped() {
        match connect(address) {
            Ok(stream) => {
                tracing::info!(reader = address, "card inserted");
                let end = End(hold(stream, card, stop));
                if !stop.is_stopped() {
                    tracing::info!(reader = address, reason = %end, "card out of the reader");
                }
                is_first = false;
            }
            Err(error) if is_first => {
                tracing::info!(reader = address, %error, "no reader yet, waiting for one");
                is_first = false;
            }
            Err(_) => {}
        }
        stop.pause(RETRY);
    }
}

/// A connection to one of the addresses that the name stands for, or the last failure.
fn connect(address: &str) -> io::Result<TcpStream> {
    let mut failure = io::Error::from(io::ErrorKind::NotFound);
    for address in address.to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, PATIENCE) {
            Ok(stream) => return Ok(stream),
            Err(error) => failure = error,
        }
    }
    Err(failure)
}

/// Why a connection ended.
struct End(io::Result<()>);

impl core::fmt::Display for End {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match &self.0 {
            Ok(()) => f.write_str("the card is gone"),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                f.write_str("the reader closed the connection")
            }
            Err(error) => error.fmt(f),
        }
    }
}

/// One insertion: a card just inserted has no power.
fn hold(stream: TcpStream, card: &SharedCard, stop: &Stop) -> io::Result<()> {
    let _watched = stop.watch(&stream)?;
    stream.set_nodelay(true)?;
    locked(card).reset();
    let mut answers = BufWriter::new(stream.try_clone()?);
    let mut reader = Prompt(stream);
    loop {
        let message = receive(&mut reader)?;
        match react(&message, &mut *locked(card)) {
            Ok(Some(answer)) => send(&mut answers, &answer)?,
            Ok(None) => {}
            Err(NoAnswer::Lost) => send(&mut answers, &NO_DIAGNOSIS)?,
            Err(NoAnswer::CardGone) => return Ok(()),
        }
    }
}

fn locked(card: &SharedCard) -> MutexGuard<'_, dyn CardContacts + 'static> {
    card.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What the card does with a message, and what it answers.
fn react(message: &[u8], card: &mut dyn CardContacts) -> Result<Option<Vec<u8>>, NoAnswer> {
    match message {
        [0x00..=0x02] => {
            card.reset();
            Ok(None)
        }
        [0x04] => Ok(Some(card.atr())),
        // Control codes of later versions; and nothing at all.
        [] | [_] => Ok(None),
        command => card.transmit(command).map(Some),
    }
}

fn receive(reader: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut length = [0; 2];
    reader.read_exact(&mut length)?;
    let mut message = vec![0; usize::from(u16::from_be_bytes(length))];
    reader.read_exact(&mut message)?;
    Ok(message)
}

/// Length and answer in one segment.
fn send(writer: &mut impl Write, answer: &[u8]) -> io::Result<()> {
    let (length, answer) = match u16::try_from(answer.len()) {
        Ok(length) => (length, answer),
        Err(_) => (2, NO_DIAGNOSIS.as_slice()),
    };
    writer.write_all(&length.to_be_bytes())?;
    writer.write_all(answer)?;
    writer.flush()
}

/// A socket that acknowledges at once. The driver sends the length and the message in two segments and its end waits,
/// before the second, for the acknowledgement of the first, which Linux delays by 40 ms. The switch is off again after
/// every read.
struct Prompt(TcpStream);

impl Read for Prompt {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        #[cfg(target_os = "linux")]
        std::os::linux::net::TcpStreamExt::set_quickack(&self.0, true)?;
        self.0.read(buffer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;
    use std::sync::{Arc, Mutex};

    /// Answers `CommandLength 9000`, goes at INS FF, loses its answer at INS FD, counts resets.
    struct Echo(u8);

    impl CardContacts for Echo {
        fn transmit(&mut self, command: &[u8]) -> Result<Vec<u8>, NoAnswer> {
            match command {
                [_, 0xFF, ..] => Err(NoAnswer::CardGone),
                [_, 0xFE, ..] => Ok(vec![0; 65_536]),
                [_, 0xFD, ..] => Err(NoAnswer::Lost),
                _ => Ok(vec![self.0, command.len() as u8, 0x90, 0x00]),
            }
        }
        fn reset(&mut self) {
            self.0 += 1;
        }
        fn iccid(&self) -> String {
            String::new()
        }
        fn atr(&self) -> Vec<u8> {
            vec![0x3B, 0x00]
        }
    }

    #[test]
    fn control_codes_are_single_bytes() {
        let mut card = Echo(0);
        for (message, resets) in [(0x00, 1), (0x01, 2), (0x02, 3), (0x03, 3), (0x05, 3)] {
            assert_eq!(react(&[message], &mut card), Ok(None));
            assert_eq!(card.0, resets);
        }
        assert_eq!(react(&[], &mut card), Ok(None));
        assert_eq!(react(&[0x04], &mut card), Ok(Some(vec![0x3B, 0x00])));
        assert_eq!(card.0, 3);
        let answer = react(&[0x00, 0xA4], &mut card);
        assert_eq!(answer, Ok(Some(vec![3, 2, 0x90, 0x00])));
        assert_eq!(
            react(&[0x00, 0xFF, 0x00, 0x00], &mut card),
            Err(NoAnswer::CardGone)
        );
    }

    #[test]
    fn messages_have_their_length_before_them() {
        let mut sent = Vec::new();
        send(&mut sent, &[0x90, 0x00]).unwrap();
        assert_eq!(sent, [0x00, 0x02, 0x90, 0x00]);
        assert_eq!(receive(&mut sent.as_slice()).unwrap(), [0x90, 0x00]);
        sent.truncate(3);
        let cut = receive(&mut sent.as_slice()).unwrap_err();
        assert_eq!(cut.kind(), io::ErrorKind::UnexpectedEof);
        let mut longest = Vec::new();
        send(&mut longest, &[7; 65_535]).unwrap();
        assert_eq!(receive(&mut longest.as_slice()).unwrap(), [7; 65_535]);
        let mut too_long = Vec::new();
        send(&mut too_long, &[7; 65_536]).unwrap();
        assert_eq!(too_long, [0x00, 0x02, 0x6F, 0x00]);
    }

    /// A reader on a port of its own, and the card that looks for it.
    fn inserted() -> (TcpListener, Stop, std::thread::JoinHandle<()>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let stop = Stop::new();
        let (stopped, card): (_, SharedCard) = (stop.clone(), Arc::new(Mutex::new(Echo(0))));
        let thread = std::thread::spawn(move || stay_in_reader(&address, &card, &stopped));
        (listener, stop, thread)
    }

    fn exchange(stream: &mut TcpStream, message: &[u8]) -> Vec<u8> {
        send(stream, message).unwrap();
        receive(stream).unwrap()
    }

    #[test]
    fn comes_back_to_a_reader_that_was_gone_and_stops_when_told() {
        let (listener, stop, thread) = inserted();
        let mut first = listener.accept().unwrap().0;
        assert_eq!(exchange(&mut first, &[0x04]), [0x3B, 0x00]);
        assert_eq!(exchange(&mut first, &[0; 4]), [1, 4, 0x90, 0x00]);
        drop(first);
        // Inserted anew: the card starts cold.
        let mut second = listener.accept().unwrap().0;
        assert_eq!(exchange(&mut second, &[0; 5]), [2, 5, 0x90, 0x00]);
        assert_eq!(exchange(&mut second, &[0x00, 0xFE, 0, 0]), NO_DIAGNOSIS);
        // A lost answer does not pull the card out, which goes on as it was.
        assert_eq!(exchange(&mut second, &[0x00, 0xFD, 0, 0]), NO_DIAGNOSIS);
        assert_eq!(exchange(&mut second, &[0; 4]), [2, 4, 0x90, 0x00]);
        stop.stop();
        thread.join().unwrap();
        assert_eq!(second.read(&mut [0]).unwrap(), 0);
    }

    #[test]
    fn a_card_that_goes_leaves_the_reader() {
        let (listener, stop, thread) = inserted();
        let mut stream = listener.accept().unwrap().0;
        send(&mut stream, &[0x00, 0xFF, 0x00, 0x00]).unwrap();
        assert_eq!(stream.read(&mut [0]).unwrap(), 0);
        assert!(listener.accept().is_ok());
        stop.stop();
        thread.join().unwrap();
    }
}
