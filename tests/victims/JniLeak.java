/* SPDX-License-Identifier: MIT */

/**
 * A service whose native library keeps what it allocates: arguments are the library, how many calls are made,
 * and how many a millisecond. The library is jni-leak.c. Stands still as stage.h says.
 */
public final class JniLeak {
    private JniLeak() {}

    private static native void keep(int bytes);

    private static void handle(int request) {
        keep(1000 + (request & 7));
    }

    private static void serve(int requests, int pace) throws InterruptedException {
        for (int i = 0; i < requests; i++) {
            handle(i);
            if (i % pace == 0) {
                Thread.sleep(1);
            }
        }
    }

    public static void main(String[] arguments) throws Exception {
        System.load(arguments[0]);
        serve(Integer.parseInt(arguments[1]), Integer.parseInt(arguments[2]));
        System.out.println("ready live=0 freed=0");
        System.out.flush();
        while (System.in.read() >= 0) {
            continue;
        }
    }
}
