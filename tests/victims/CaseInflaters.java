/* SPDX-License-Identifier: MIT */
import java.io.BufferedReader;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CountDownLatch;
import java.util.jar.JarEntry;
import java.util.jar.JarInputStream;
import java.util.jar.JarOutputStream;

/**
 * A service that looks into jars within jars and does not close what it opened: each stream holds an
 * Inflater, whose native memory only the garbage collector ends. Worker threads open thousands of streams,
 * read a little of each, and drop them; then comes System.gc(). The native memory is freed, and stays
 * resident. Threads and streams a thread can be given as arguments; with a third one, "hold", the streams
 * are dropped only at the first "gc". Stands still as stage.h says; "gc" collects, "open" opens as many again
 * in as many new threads.
 */
public final class CaseInflaters {
    private static final int ENTRY_BYTES = 300_000;
    /** More than a window of zlib, so that all of it is touched. */
    private static final int READ_BYTES = 40_000;
    private static final List<List<InputStream>> OPEN = new ArrayList<>();

    private CaseInflaters() {}

    private static byte[] jarOf(String name, byte[] content) throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();

        try (JarOutputStream jar = new JarOutputStream(bytes)) {
            jar.putNextEntry(new JarEntry(name));
            jar.write(content);
            jar.closeEntry();
        }
        return bytes.toByteArray();
    }

    /** Two Inflaters: one for the inner jar in the outer one, one for the entry in the inner one. */
    private static InputStream openNested(byte[] outer) throws IOException {
        JarInputStream jar = new JarInputStream(new ByteArrayInputStream(outer));

        jar.getNextJarEntry();
        JarInputStream inner = new JarInputStream(jar);
        inner.getNextJarEntry();
        inner.skipNBytes(READ_BYTES);
        return inner;
    }

    private static void work(byte[] outer, int streams) {
        List<InputStream> mine = new ArrayList<>();

        synchronized (OPEN) {
            OPEN.add(mine);
        }
        try {
            for (int i = 0; i < streams; i++) {
                mine.add(openNested(outer));
            }
        } catch (IOException e) {
            throw new IllegalStateException(e);
        }
    }

    private static void collect() throws InterruptedException {
        for (int i = 0; i < 4; i++) {
            System.gc();
            /* the cleaner runs in a thread of its own */
            Thread.sleep(250);
        }
    }

    private static void drop() throws InterruptedException {
        synchronized (OPEN) {
            OPEN.clear();
        }
        collect();
    }

    /** In threads of their own, which wait for ever afterwards. */
    private static void open(byte[] outer, int threads, int streams) throws InterruptedException {
        CountDownLatch done = new CountDownLatch(threads);
        for (int i = 0; i < threads; i++) {
            Thread thread = new Thread(() -> {
                work(outer, streams);
                done.countDown();
                try {
                    Thread.sleep(Long.MAX_VALUE);
                } catch (InterruptedException e) {
                    Thread.currentThread().interrupt();
                }
            }, "unpacker-" + i);
            thread.setDaemon(true);
            thread.start();
        }
        done.await();
    }

    public static void main(String[] arguments) throws IOException, InterruptedException {
        int threads = arguments.length > 0 ? Integer.parseInt(arguments[0]) : 8;
        int streams = arguments.length > 1 ? Integer.parseInt(arguments[1]) : 400;
        byte[] content = new byte[ENTRY_BYTES];

        new Random(1).nextBytes(content);
        byte[] outer = jarOf("inner.jar", jarOf("entry.bin", content));
        open(outer, threads, streams);
        System.out.println("opened " + threads * streams);
        if (arguments.length < 3) {
            drop();
        }
        System.out.println("ready live=0 freed=0");
        System.out.flush();
        BufferedReader input = new BufferedReader(new InputStreamReader(System.in));
        for (String line = input.readLine(); line != null; line = input.readLine()) {
            if (line.equals("open")) {
                open(outer, threads, streams);
            } else {
                drop();
            }
            System.out.println("done");
        }
    }
}
