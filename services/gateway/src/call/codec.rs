//! A gRPC codec that passes wire bytes through.

use bytes::{Buf, BufMut, Bytes};
use tonic::Status;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};

/// A message to send.
#[derive(Debug)]
pub enum Wire {
    /// The head and the bytes that follow it, joined without a copy of their own.
    Message { head: Vec<u8>, tail: Bytes },
    /// No message: the stream is broken off with an error.
    Broken,
}

impl From<Vec<u8>> for Wire {
    fn from(head: Vec<u8>) -> Self {
        Self::Message { head, tail: Bytes::new() }
    }
}

/// Takes and gives messages as they are on the wire.
#[derive(Debug, Clone, Copy, Default)]
pub struct Raw;

impl Codec for Raw {
    type Encode = Wire;
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

impl Encoder for Raw {
    type Item = Wire;
    type Error = Status;

    fn encode(&mut self, item: Wire, target: &mut EncodeBuf<'_>) -> Result<(), Status> {
        let Wire::Message { head, tail } = item else { return Err(Status::data_loss("the stream broke off")) };
        target.reserve(head.len() + tail.len());
        target.put_slice(&head);
        target.put_slice(&tail);
        Ok(())
    }
}

impl Decoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, source: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(source.copy_to_bytes(source.remaining())))
    }
}
