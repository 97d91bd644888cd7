//! gRPC over a unix socket, as much of it as asking a runtime takes: one request,
//! and one answer, time and size limited, or one after the other.

use std::path::Path;
use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use h2::RecvStream;
use h2::client::SendRequest;
use prost::Message;
use tokio::net::UnixStream;
use tokio::task::JoinHandle;

use super::endpoint::{Error, within};

/// Longest answer that is taken.
const MAX_ANSWER: usize = 4 << 20;

/// Bytes in front of a message: whether it is compressed, and its length.
const PREFIX: usize = 5;

/// gRPC's code for "there is no such thing".
pub const NOT_FOUND: u32 = 5;

impl From<h2::Error> for Error {
    fn from(error: h2::Error) -> Self {
        Self::protocol(error)
    }
}

/// A connection. Ends when it is dropped.
#[derive(Debug)]
pub struct Channel {
    sender: SendRequest<Bytes>,
    connection: JoinHandle<()>,
}

impl Drop for Channel {
    fn drop(&mut self) {
        self.connection.abort();
    }
}

impl Channel {
    /// Connects to the socket at `path`, within `limit`.
    ///
    /// # Errors
    /// When nobody listens there.
    pub async fn connect(path: &Path, limit: Duration) -> Result<Self, Error> {
        let connect = async {
            let stream = UnixStream::connect(path).await.map_err(Error::Io)?;
            let (sender, connection) = h2::client::handshake(stream).await?;
            let connection = tokio::spawn(async move {
                // Whoever waits for an answer learns of the error as well.
                let _ = connection.await;
            });
            Ok(Self { sender, connection })
        };
        within(limit, connect).await
    }

    /// Calls `method` (`package.Service/Method`) and waits for the answer, within
    /// `limit`.
    ///
    /// # Errors
    /// When there is no answer, or it is an error.
    pub async fn call<Answer: Message + Default>(
        &self,
        method: &str,
        request: &impl Message,
        limit: Duration,
    ) -> Result<Answer, Error> {
        self.call_with(method, request, None, limit).await
    }

    /// The same with one header more.
    ///
    /// # Errors
    /// When there is no answer, or it is an error.
    pub async fn call_with<Answer: Message + Default>(
        &self,
        method: &str,
        request: &impl Message,
        header: Option<(&'static str, &str)>,
        limit: Duration,
    ) -> Result<Answer, Error> {
        let sender = self.sender.clone();
        within(limit, exchange(sender, method, header, frame(request))).await
    }

    /// Calls `method` and gives every answer to `each`, until the other side ends.
    ///
    /// # Errors
    /// When it does not end well, or what comes is no answer.
    pub async fn stream<Answer: Message + Default>(
        &self,
        method: &str,
        request: &impl Message,
        each: &mut (dyn FnMut(Answer) + Send),
    ) -> Result<(), Error> {
        let sender = self.sender.clone();
        // The other side may say nothing at all before there is something to tell.
        let mut body = begin(sender, method, None, frame(request)).await?;
        let mut rest = BytesMut::new();
        while let Some(chunk) = body.data().await {
            let chunk = chunk?;
            rest.extend_from_slice(&chunk);
            body.flow_control().release_capacity(chunk.len())?;
            while let Some(len) = frame_length(&rest)? {
                if rest.len() < len {
                    break;
                }
                each(unframe(&rest.split_to(len))?);
            }
        }
        ended(&mut body).await
    }
}

/// How long the frame is that begins here, once enough of it is there to say.
fn frame_length(bytes: &[u8]) -> Result<Option<usize>, Error> {
    let Some([_, len @ ..]) = bytes.first_chunk::<PREFIX>() else {
        return Ok(None);
    };
    match u32::from_be_bytes(*len) as usize {
        len if len > MAX_ANSWER => Err(Error::protocol("the answer is too long")),
        len => Ok(Some(PREFIX + len)),
    }
}

/// A message with what stands in front of it.
pub fn frame(message: &impl Message) -> Bytes {
    let len = message.encoded_len();
    let mut frame = BytesMut::with_capacity(PREFIX + len);
    frame.put_u8(0);
    frame.put_u32(len as u32);
    frame.put_slice(&message.encode_to_vec());
    frame.freeze()
}

/// The message in a frame.
///
/// # Errors
/// When the bytes are no frame with such a message.
pub fn unframe<M: Message + Default>(frame: &[u8]) -> Result<M, Error> {
    let Some((prefix, message)) = frame.split_first_chunk::<PREFIX>() else {
        return Err(Error::protocol("the answer is too short"));
    };
    let [compressed, len @ ..] = *prefix;
    if compressed != 0 || u32::from_be_bytes(len) as usize != message.len() {
        return Err(Error::protocol("the answer is no message"));
    }
    M::decode(message).map_err(Error::protocol)
}

/// The status among headers. `None`: there is none.
fn status(headers: &http::HeaderMap) -> Option<Result<(), Error>> {
    let code = headers.get("grpc-status")?;
    let code = code.to_str().ok().and_then(|code| code.parse().ok());
    Some(match code {
        Some(0) => Ok(()),
        Some(code) => {
            let message = headers.get("grpc-message").map(http::HeaderValue::as_bytes);
            let message = String::from_utf8_lossy(message.unwrap_or_default());
            Err(Error::Status(code, message.into_owned()))
        }
        None => Err(Error::protocol("the status is no number")),
    })
}

/// Sends the request; what is answered is yet to be read.
async fn begin(
    sender: SendRequest<Bytes>,
    method: &str,
    header: Option<(&'static str, &str)>,
    frame: Bytes,
) -> Result<RecvStream, Error> {
    let mut request = http::Request::post(format!("http://localhost/{method}"))
        .header("content-type", "application/grpc")
        .header("te", "trailers");
    if let Some((name, value)) = header {
        request = request.header(name, value);
    }
    let request = request.body(()).map_err(Error::protocol)?;
    let (response, mut body) = sender.ready().await?.send_request(request, false)?;
    body.send_data(frame, true)?;
    let response = response.await?;
    if response.status() != http::StatusCode::OK {
        return Err(Error::protocol(format!(
            "HTTP status {}",
            response.status()
        )));
    }
    if let Some(Err(error)) = status(response.headers()) {
        return Err(error);
    }
    Ok(response.into_body())
}

/// How it ended.
async fn ended(body: &mut RecvStream) -> Result<(), Error> {
    let trailers = body.trailers().await?;
    let status = trailers.as_ref().and_then(status);
    status.unwrap_or_else(|| Err(Error::protocol("the answer has no status")))
}

async fn exchange<Answer: Message + Default>(
    sender: SendRequest<Bytes>,
    method: &str,
    header: Option<(&'static str, &str)>,
    frame: Bytes,
) -> Result<Answer, Error> {
    let mut body = begin(sender, method, header, frame).await?;
    let mut answer = BytesMut::new();
    while let Some(chunk) = body.data().await {
        let chunk = chunk?;
        if answer.len() + chunk.len() > MAX_ANSWER {
            return Err(Error::protocol("the answer is too long"));
        }
        answer.extend_from_slice(&chunk);
        body.flow_control().release_capacity(chunk.len())?;
    }
    ended(&mut body).await?;
    unframe(&answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames() {
        let message = "text".to_owned();
        let whole = frame(&message);
        assert_eq!(unframe::<String>(&whole).unwrap(), "text");
        for cut in 0..whole.len() {
            assert!(unframe::<String>(&whole[..cut]).is_err());
        }
        let mut compressed = whole.to_vec();
        compressed[0] = 1;
        assert!(unframe::<String>(&compressed).is_err());
    }

    #[test]
    fn lengths_of_frames() {
        assert_eq!(frame_length(&[0, 0, 0, 0]).unwrap(), None);
        assert_eq!(frame_length(&[0, 0, 0, 1, 2]).unwrap(), Some(PREFIX + 258));
        assert!(frame_length(&[0xFF; 8]).is_err());
    }
}
