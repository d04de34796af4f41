// The JDK's HTTP server and client, sockets, datagrams, channels and names.
import com.sun.net.httpserver.HttpServer;
import java.net.ConnectException;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.util.ArrayList;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executors;

class Network {
    public static void main(String[] arguments) throws Exception {
        http();
        sockets();
        channels();
        try {
            new Socket("127.0.0.1", 1);
        } catch (ConnectException error) {
            System.out.println(error.getMessage());
        }
        System.out.println("tekapo " + InetAddress.getByName("tekapo").getHostAddress());
        System.exit(0);
    }

    static void http() throws Exception {
        var server = HttpServer.create(new InetSocketAddress("10.61.0.1", 0), 50);
        server.setExecutor(Executors.newFixedThreadPool(4));
        server.createContext("/", exchange -> {
            int length = exchange.getRequestBody().readAllBytes().length;
            byte[] answer = (exchange.getRequestMethod() + exchange.getRequestURI() + " " + length).getBytes();
            exchange.sendResponseHeaders(200, answer.length);
            exchange.getResponseBody().write(answer);
            exchange.close();
        });
        server.start();
        var client = HttpClient.newHttpClient();
        var answers = new ArrayList<CompletableFuture<HttpResponse<String>>>();
        for (int n = 0; n < 50; n++) {
            var uri = URI.create("http://pukaki:" + server.getAddress().getPort() + "/" + n);
            var request = HttpRequest.newBuilder(uri).POST(HttpRequest.BodyPublishers.ofByteArray(new byte[n * 1000])).build();
            answers.add(client.sendAsync(request, HttpResponse.BodyHandlers.ofString()));
        }
        int good = 0;
        for (int n = 0; n < 50; n++) {
            good += answers.get(n).get().body().equals("POST/" + n + " " + n * 1000) ? 1 : 0;
        }
        System.out.println("http " + good);
    }

    static void sockets() throws Exception {
        try (var listener = new ServerSocket(0, 5, InetAddress.getByName("::1"));
                var client = new Socket("::1", listener.getLocalPort());
                var server = listener.accept()) {
            var writer = new Thread(() -> {
                try {
                    client.getOutputStream().write(new byte[1000000]);
                    client.shutdownOutput();
                } catch (Exception error) {
                    error.printStackTrace();
                }
            });
            writer.start();
            System.out.println("socket " + server.getInputStream().readAllBytes().length);
            writer.join();
        }
        try (var server = new DatagramSocket(0, InetAddress.getByName("127.0.0.1"));
                var client = new DatagramSocket()) {
            client.send(new DatagramPacket("hello".getBytes(), 5, server.getLocalSocketAddress()));
            var packet = new DatagramPacket(new byte[99], 99);
            server.receive(packet);
            System.out.println("datagram " + new String(packet.getData(), 0, packet.getLength()));
        }
    }

    static void channels() throws Exception {
        try (var listener = ServerSocketChannel.open().bind(null); var selector = Selector.open()) {
            listener.configureBlocking(false).register(selector, SelectionKey.OP_ACCEPT);
            int port = ((InetSocketAddress) listener.getLocalAddress()).getPort();
            var client = SocketChannel.open(new InetSocketAddress("127.0.0.1", port));
            selector.select();
            System.out.println("channel " + (listener.accept() != null));
            client.close();
        }
    }
}
