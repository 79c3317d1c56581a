//! What the generated clients and servers have in common.
//!
//! Why not the stubs that tonic brings: theirs are generic over every message, and each of two hundred RPCs costs the
//! compiler some five thousand lines. Here a unary message is bytes until the last step, so that tonic's own code is
//! compiled once in every crate. What goes over the wire is the same.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use prost::Message;
use prost::bytes::Bytes;
use tonic::body::Body;
use tonic::client::GrpcService;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder, Streaming};
use tonic::codegen::http::uri::PathAndQuery;
use tonic::codegen::tokio_stream::Stream;
use tonic::codegen::{Body as HttpBody, Service, StdError, http};
use tonic::server::Grpc;
use tonic::{Request, Response, Status};
use tonic_prost::ProstCodec;

type Boxed<T> = Pin<Box<dyn Future<Output = T> + Send>>;
type Answered<T> = Result<Response<T>, Status>;

/// A server's answer to a call.
pub type Answer = Boxed<Result<http::Response<Body>, Infallible>>;

/// A message that goes out, whatever its type.
trait Outgoing: Send + Sync {
    fn write(&self, buffer: &mut EncodeBuf<'_>) -> Result<(), Status>;
}

impl<M: Message> Outgoing for M {
    fn write(&self, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        self.encode(buffer).map_err(|error| Status::internal(error.to_string()))
    }
}

type AnyMessage = Box<dyn Outgoing>;
type Handler = Box<dyn FnOnce(Request<Bytes>) -> Boxed<Answered<AnyMessage>> + Send>;

/// Messages out, bytes in.
struct BytesCodec;

impl Codec for BytesCodec {
    type Encode = AnyMessage;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for BytesCodec {
    type Item = AnyMessage;
    type Error = Status;

    fn encode(&mut self, message: AnyMessage, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        message.write(buffer)
    }
}

impl Decoder for BytesCodec {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        use prost::bytes::Buf;
        Ok(Some(buffer.copy_to_bytes(buffer.remaining())))
    }
}

fn read<M: Message + Default>(bytes: Bytes) -> Result<M, Status> {
    M::decode(bytes).map_err(|error| Status::internal(error.to_string()))
}

/// A method as tonic calls it: once for each request.
struct Once<F>(Option<F>);

impl<In, Out, F, Work> Service<Request<In>> for Once<F>
where
    F: FnOnce(Request<In>) -> Work,
    Work: Future<Output = Answered<Out>>,
{
    type Response = Response<Out>;
    type Error = Status;
    type Future = Work;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Status>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<In>) -> Work {
        let method = self.0.take().expect("tonic calls a method once for each request");
        method(request)
    }
}

/// Serves a unary call; `limit` is the largest request in bytes, tonic's own without one.
pub fn unary<In, Out, F, Work>(limit: Option<usize>, request: http::Request<Body>, method: F) -> Answer
where
    In: Message + Default,
    Out: Message + 'static,
    F: FnOnce(Request<In>) -> Work + Send + 'static,
    Work: Future<Output = Answered<Out>> + Send + 'static,
{
    let handler: Handler = Box::new(move |request| {
        let (metadata, extensions, bytes) = request.into_parts();
        match read(bytes) {
            Ok(message) => {
                let work = method(Request::from_parts(metadata, extensions, message));
                Box::pin(async move { work.await.map(|answer| answer.map(|message| Box::new(message) as AnyMessage)) })
            }
            Err(status) => Box::pin(std::future::ready(Err(status))),
        }
    });
    serve_unary(limit, request, handler)
}

fn serve_unary(limit: Option<usize>, request: http::Request<Body>, handler: Handler) -> Answer {
    let mut grpc = Grpc::new(BytesCodec).apply_max_message_size_config(limit, None);
    Box::pin(async move { Ok(grpc.unary(Once(Some(handler)), request).await) })
}

/// Serves a call whose request is a stream.
pub fn client_streaming<In, Out, F, Work>(limit: Option<usize>, request: http::Request<Body>, method: F) -> Answer
where
    In: Message + Default + 'static,
    Out: Message + 'static,
    F: FnOnce(Request<Streaming<In>>) -> Work + Send + 'static,
    Work: Future<Output = Answered<Out>> + Send + 'static,
{
    let mut grpc = Grpc::new(ProstCodec::default()).apply_max_message_size_config(limit, None);
    Box::pin(async move { Ok(grpc.client_streaming(Once(Some(method)), request).await) })
}

/// Serves a call whose answer is a stream.
pub fn server_streaming<In, Out, Answers, F, Work>(
    limit: Option<usize>,
    request: http::Request<Body>,
    method: F,
) -> Answer
where
    In: Message + Default + 'static,
    Out: Message + 'static,
    Answers: Stream<Item = Result<Out, Status>> + Send + 'static,
    F: FnOnce(Request<In>) -> Work + Send + 'static,
    Work: Future<Output = Answered<Answers>> + Send + 'static,
{
    let mut grpc = Grpc::new(ProstCodec::default()).apply_max_message_size_config(limit, None);
    Box::pin(async move { Ok(grpc.server_streaming(Once(Some(method)), request).await) })
}

/// Serves a call whose request and answer are streams.
pub fn streaming<In, Out, Answers, F, Work>(limit: Option<usize>, request: http::Request<Body>, method: F) -> Answer
where
    In: Message + Default + 'static,
    Out: Message + 'static,
    Answers: Stream<Item = Result<Out, Status>> + Send + 'static,
    F: FnOnce(Request<Streaming<In>>) -> Work + Send + 'static,
    Work: Future<Output = Answered<Answers>> + Send + 'static,
{
    let mut grpc = Grpc::new(ProstCodec::default()).apply_max_message_size_config(limit, None);
    Box::pin(async move { Ok(grpc.streaming(Once(Some(method)), request).await) })
}

/// The answer to a call of a method that the service does not have.
pub fn unimplemented() -> Answer {
    Box::pin(std::future::ready(Ok(Status::unimplemented("").into_http())))
}

/// Calls a unary method.
pub async fn call<T, In, Out>(
    grpc: &mut tonic::client::Grpc<T>,
    path: &'static str,
    request: Request<In>,
) -> Answered<Out>
where
    T: GrpcService<Body>,
    T::Error: Into<StdError>,
    T::ResponseBody: HttpBody<Data = Bytes> + Send + 'static,
    <T::ResponseBody as HttpBody>::Error: Into<StdError> + Send,
    In: Message + 'static,
    Out: Message + Default,
{
    let request = request.map(|message| Box::new(message) as AnyMessage);
    let (metadata, bytes, extensions) = call_bytes(grpc, path, request).await?.into_parts();
    Ok(Response::from_parts(metadata, read(bytes)?, extensions))
}

async fn call_bytes<T>(
    grpc: &mut tonic::client::Grpc<T>,
    path: &'static str,
    request: Request<AnyMessage>,
) -> Answered<Bytes>
where
    T: GrpcService<Body>,
    T::Error: Into<StdError>,
    T::ResponseBody: HttpBody<Data = Bytes> + Send + 'static,
    <T::ResponseBody as HttpBody>::Error: Into<StdError> + Send,
{
    ready(grpc).await?;
    grpc.unary(request, PathAndQuery::from_static(path), BytesCodec).await
}

/// Waits until the transport takes a call.
pub async fn ready<T>(grpc: &mut tonic::client::Grpc<T>) -> Result<(), Status>
where
    T: GrpcService<Body>,
    T::Error: Into<StdError>,
{
    grpc.ready().await.map_err(|error| Status::unknown(format!("Service was not ready: {}", error.into())))
}
