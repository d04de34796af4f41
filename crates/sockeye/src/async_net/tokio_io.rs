//! tokio's traits.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::halves::{OwnedReadHalf, OwnedWriteHalf, ReadHalf, WriteHalf};
use super::stream::TcpStream;
use super::unix;

impl AsyncRead for OwnedReadHalf {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let chain = ready!(self.poll_receive(context, buf.remaining()))?;
        chain.pieces().for_each(|piece| buf.put_slice(piece));
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for OwnedWriteHalf {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_send(context, buf)
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.shut())
    }
}

/// What reads or writes by its parts that do.
macro_rules! by_parts {
    (reads: $kind:ty, $whole:ident, $part:expr) => {
        impl AsyncRead for $kind {
            fn poll_read(
                self: Pin<&mut Self>,
                context: &mut Context<'_>,
                buf: &mut ReadBuf<'_>,
            ) -> Poll<io::Result<()>> {
                let $whole = self.get_mut();
                Pin::new(&mut *$part).poll_read(context, buf)
            }
        }
    };
    (writes: $kind:ty, $whole:ident, $part:expr) => {
        impl AsyncWrite for $kind {
            fn poll_write(
                self: Pin<&mut Self>,
                context: &mut Context<'_>,
                buf: &[u8],
            ) -> Poll<io::Result<usize>> {
                let $whole = self.get_mut();
                Pin::new(&mut *$part).poll_write(context, buf)
            }

            fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
                Poll::Ready(Ok(()))
            }

            fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
                let $whole = self.get_mut();
                Pin::new(&mut *$part).poll_shutdown(context)
            }
        }
    };
}

by_parts!(reads: TcpStream, whole, whole.halves_mut().0);
by_parts!(writes: TcpStream, whole, whole.halves_mut().1);
by_parts!(reads: ReadHalf<'_>, whole, whole.0);
by_parts!(writes: WriteHalf<'_>, whole, whole.0);
by_parts!(reads: unix::UnixStream, whole, whole.halves_mut().0);
by_parts!(writes: unix::UnixStream, whole, whole.halves_mut().1);
by_parts!(reads: unix::OwnedReadHalf, whole, &mut whole.0);
by_parts!(writes: unix::OwnedWriteHalf, whole, &mut whole.0);
by_parts!(reads: unix::ReadHalf<'_>, whole, whole.0);
by_parts!(writes: unix::WriteHalf<'_>, whole, whole.0);
