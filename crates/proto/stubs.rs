//! Generates a client and a server for each service of the contracts, over `src/stub.rs`.

use std::fmt::Write;

use prost_build::{Comments, Method, Service, ServiceGenerator};

/// Writes them behind the messages of a package.
pub struct Stubs;

impl ServiceGenerator for Stubs {
    fn generate(&mut self, service: Service, code: &mut String) {
        client(&service, code).expect("a string takes everything");
        server(&service, code).expect("a string takes everything");
    }
}

fn path(service: &Service, method: &Method) -> String {
    format!("/{}.{}/{}", service.package, service.proto_name, method.proto_name)
}

fn docs(comments: &Comments) -> String {
    let mut text = String::new();
    comments.append_with_indent(0, &mut text);
    text
}

/// A message's type as the modules of clients and servers see it.
fn in_parent(message: &str) -> String {
    if message.starts_with("::") || message.starts_with("crate::") {
        message.to_owned()
    } else {
        format!("super::{message}")
    }
}

fn client(service: &Service, code: &mut String) -> std::fmt::Result {
    let name = format!("{}Client", service.name);
    writeln!(code, "pub mod {}_client {{", snake(&service.name))?;
    writeln!(code, "use tonic::codegen::{{Body as HttpBody, Bytes, StdError}};")?;
    writeln!(
        code,
        "{}#[derive(Debug, Clone)] pub struct {name}<T> {{ inner: tonic::client::Grpc<T> }}",
        docs(&service.comments)
    )?;
    writeln!(
        code,
        "impl<T> {name}<T> where T: tonic::client::GrpcService<tonic::body::Body>, T::Error: Into<StdError>, \
        T::ResponseBody: HttpBody<Data = Bytes> + Send + 'static, \
        <T::ResponseBody as HttpBody>::Error: Into<StdError> + Send {{
            /// A client over `transport`.
            pub fn new(transport: T) -> Self {{ Self {{ inner: tonic::client::Grpc::new(transport) }} }}

            /// Limits the answers, in bytes; 4 MiB unless set.
            #[must_use]
            pub fn max_decoding_message_size(mut self, limit: usize) -> Self {{
                self.inner = self.inner.max_decoding_message_size(limit);
                self
            }}"
    )?;
    for method in &service.methods {
        let path = path(service, method);
        let (input, output) = (in_parent(&method.input_type), in_parent(&method.output_type));
        let (argument, request) = if method.client_streaming {
            (format!("impl tonic::IntoStreamingRequest<Message = {input}>"), "into_streaming_request")
        } else {
            (format!("impl tonic::IntoRequest<{input}>"), "into_request")
        };
        let output = if method.server_streaming { format!("tonic::codec::Streaming<{output}>") } else { output };
        let kind = match (method.client_streaming, method.server_streaming) {
            (false, false) => None,
            (true, false) => Some("client_streaming"),
            (false, true) => Some("server_streaming"),
            (true, true) => Some("streaming"),
        };
        let body = match kind {
            None => format!("crate::stub::call(&mut self.inner, \"{path}\", request.{request}()).await"),
            Some(kind) => format!(
                "crate::stub::ready(&mut self.inner).await?;
                let path = tonic::codegen::http::uri::PathAndQuery::from_static(\"{path}\");
                self.inner.{kind}(request.{request}(), path, tonic_prost::ProstCodec::default()).await"
            ),
        };
        writeln!(
            code,
            "{}pub async fn {}(&mut self, request: {argument}) -> Result<tonic::Response<{output}>, tonic::Status> {{ {body} }}",
            docs(&method.comments),
            method.name
        )?;
    }
    writeln!(code, "}} }}")
}

fn server(service: &Service, code: &mut String) -> std::fmt::Result {
    let (name, server) = (&service.name, format!("{}Server", service.name));
    writeln!(code, "pub mod {}_server {{", snake(name))?;
    writeln!(code, "use std::sync::Arc; use std::task::{{Context, Poll}};")?;
    writeln!(code, "{}#[tonic::async_trait] pub trait {name}: Send + Sync + 'static {{", docs(&service.comments))?;
    for method in &service.methods {
        let (input, output) = (in_parent(&method.input_type), in_parent(&method.output_type));
        let input = if method.client_streaming { format!("tonic::Streaming<{input}>") } else { input };
        let output = if method.server_streaming {
            writeln!(
                code,
                "/// The answers of `{0}`.
                type {0}Stream: tonic::codegen::tokio_stream::Stream<Item = Result<{output}, tonic::Status>> + Send + 'static;",
                method.proto_name
            )?;
            format!("Self::{}Stream", method.proto_name)
        } else {
            output
        };
        writeln!(
            code,
            "{}async fn {}(&self, request: tonic::Request<{input}>) -> Result<tonic::Response<{output}>, tonic::Status>;",
            docs(&method.comments),
            method.name
        )?;
    }
    writeln!(
        code,
        "}}
        {docs}#[derive(Debug)]
        pub struct {server}<T> {{ inner: Arc<T>, limit: Option<usize> }}
        impl<T> {server}<T> {{
            /// Serves what `inner` does.
            pub fn new(inner: T) -> Self {{ Self {{ inner: Arc::new(inner), limit: None }} }}

            /// Limits the requests, in bytes; 4 MiB unless set.
            #[must_use]
            pub fn max_decoding_message_size(mut self, limit: usize) -> Self {{
                self.limit = Some(limit);
                self
            }}
        }}
        impl<T> Clone for {server}<T> {{
            fn clone(&self) -> Self {{ Self {{ inner: Arc::clone(&self.inner), limit: self.limit }} }}
        }}
        impl<T> tonic::server::NamedService for {server}<T> {{
            const NAME: &'static str = \"{package}.{proto_name}\";
        }}
        impl<T: {name}> tonic::codegen::Service<tonic::codegen::http::Request<tonic::body::Body>> for {server}<T> {{
            type Response = tonic::codegen::http::Response<tonic::body::Body>;
            type Error = std::convert::Infallible;
            type Future = crate::stub::Answer;

            fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {{ Poll::Ready(Ok(())) }}

            fn call(&mut self, request: tonic::codegen::http::Request<tonic::body::Body>) -> Self::Future {{
                let (inner, limit) = (Arc::clone(&self.inner), self.limit);
                match request.uri().path() {{",
        docs = docs(&service.comments),
        package = service.package,
        proto_name = service.proto_name,
    )?;
    for method in &service.methods {
        let kind = match (method.client_streaming, method.server_streaming) {
            (false, false) => "unary",
            (true, false) => "client_streaming",
            (false, true) => "server_streaming",
            (true, true) => "streaming",
        };
        writeln!(
            code,
            "\"{}\" => crate::stub::{kind}(limit, request, move |request| async move {{ T::{}(&inner, request).await }}),",
            path(service, method),
            method.name
        )?;
    }
    writeln!(code, "_ => crate::stub::unimplemented(), }} }} }} }}")
}

/// `TenantService` as `tenant_service`.
fn snake(name: &str) -> String {
    let mut text = String::new();
    for (place, letter) in name.char_indices() {
        if letter.is_uppercase() && place > 0 {
            text.push('_');
        }
        text.extend(letter.to_lowercase());
    }
    text
}
