import de.bwaldvogel.mongo.MongoDatabase;
import de.bwaldvogel.mongo.MongoServer;
import de.bwaldvogel.mongo.backend.CollectionOptions;
import de.bwaldvogel.mongo.backend.CursorRegistry;
import de.bwaldvogel.mongo.backend.Index;
import de.bwaldvogel.mongo.backend.IndexKey;
import de.bwaldvogel.mongo.backend.KeyValue;
import de.bwaldvogel.mongo.backend.QueryResult;
import de.bwaldvogel.mongo.backend.h2.H2Backend;
import de.bwaldvogel.mongo.backend.h2.H2Collection;
import de.bwaldvogel.mongo.backend.h2.H2Database;
import de.bwaldvogel.mongo.bson.Document;
import de.bwaldvogel.mongo.exception.DuplicateKeyError;
import de.bwaldvogel.mongo.wire.bson.BsonDecoder;
import de.bwaldvogel.mongo.wire.bson.BsonEncoder;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Collection;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.Spliterators;
import java.util.TreeSet;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;
import org.h2.mvstore.Cursor;
import org.h2.mvstore.MVMap;
import org.h2.mvstore.MVStore;
import org.h2.mvstore.WriteBuffer;
import org.h2.mvstore.type.BasicDataType;

/**
 * The stand-in for mongod in Gelato's tests: mongo-java-server on its H2 backend, with what that lacks to be a fair one.
 *
 * <ul>
 *   <li>What an answer says is in the file before it is sent, so kill -9 loses nothing acknowledged and nothing read; writers share
 *       commits. (Alone, the backend writes once a second.) There is no fsync: power loss is not what the tests play.
 *   <li>String ids compare as their UTF-8 does, as in mongod. (Alone, the server compares UTF-16.)
 *   <li>Equality, $in, $gte and $lt on _id, with or without conditions on other fields, and sort by _id seek in the ordered map. (Alone, the
 *       server reads the whole collection.)
 *   <li>It calls itself MongoDB 4.4 (wire version 9), the oldest that mongo-driver 2 speaks to. (Alone, it says 4.2.)
 *   <li>Readers get documents of their own. (Alone, an update changes a document while its reader encodes it.)
 * </ul>
 *
 * Commands, operators, limits and error codes are mongo-java-server's own. Ids must be strings.
 *
 * <p>Usage: java -cp 'DIR/*' Server HOST PORT FILE
 */
public final class Server {
    public static void main(String[] args) {
        MVStore store = new MVStore.Builder().fileName(args[2]).autoCommitDisabled().cacheSize(64).open();
        store.setRetentionTime(5_000); // milliseconds until the space of replaced pages is used again
        MongoServer server = new MongoServer(new Backend(store));
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            server.shutdownNow();
            store.close();
        }));
        server.bind(new InetSocketAddress(args[0], Integer.parseInt(args[1])));
    }

    private static final class Backend extends H2Backend {
        private static final long COMPACT_EVERY = 2_000_000_000L; // nanoseconds

        private final Object lock = new Object();
        private long begun; // commits; guarded by lock, as are the next two
        private long done;
        private boolean running;
        private long compacted = System.nanoTime(); // of the one that commits

        Backend(MVStore store) {
            super(store);
        }

        @Override
        public Document handleCommand(Channel channel, String database, String command, Document query) {
            Document answer = command.equalsIgnoreCase("create") ? create(channel, database, command, query)
                : super.handleCommand(channel, database, command, query);
            if (answer.containsKey("maxWireVersion")) {
                answer.put("maxWireVersion", 9);
            }
            if (pending()) {
                awaitCommit();
            }
            return answer;
        }

        /** One at a time: two that make the same collection at once would both try. */
        private synchronized Document create(Channel channel, String database, String command, Document query) {
            return super.handleCommand(channel, database, command, query);
        }

        private boolean pending() {
            synchronized (lock) {
                return running || getMvStore().hasUnsavedChanges();
            }
        }

        /** Returns once a commit that began after the call is in the file. */
        private void awaitCommit() {
            synchronized (lock) {
                long want = begun + 1;
                while (done < want) {
                    if (running) {
                        try {
                            lock.wait();
                        } catch (InterruptedException e) {
                            throw new IllegalStateException(e);
                        }
                        continue;
                    }
                    running = true;
                    begun++;
                    break;
                }
                if (done >= want) {
                    return;
                }
            }
            boolean written = false;
            try {
                getMvStore().commit();
                written = true;
                if (System.nanoTime() - compacted > COMPACT_EVERY) {
                    getMvStore().compact(50, 8 << 20);
                    compacted = System.nanoTime();
                }
            } finally {
                synchronized (lock) {
                    running = false;
                    if (written) {
                        done = begun;
                    }
                    lock.notifyAll();
                }
            }
        }

        @Override
        protected MongoDatabase openOrCreateDatabase(String name) {
            return new H2Database(name, getMvStore(), getCursorRegistry()) {
                @Override
                protected de.bwaldvogel.mongo.MongoCollection<Object> openOrCreateCollection(String collection, CollectionOptions options) {
                    if (collection.startsWith("system.")) {
                        return super.openOrCreateCollection(collection, options);
                    }
                    MVMap<String, Object> meta = getMvStore().openMap("meta." + databaseName + "." + collection);
                    return new OrderedCollection(this, collection, options, open(collection), meta, cursorRegistry);
                }

                @Override
                protected Index<Object> openOrCreateUniqueIndex(String collection, String index, List<IndexKey> keys, boolean sparse) {
                    if (!index.equals("_id_") || collection.startsWith("system.")) {
                        return super.openOrCreateUniqueIndex(collection, index, keys, sparse);
                    }
                    return new IdIndex(index, keys, open(collection));
                }

                private MVMap<Object, Document> open(String collection) {
                    return getMvStore().openMap("databases." + databaseName + "." + collection,
                        new MVMap.Builder<Object, Document>().keyType(new KeyType()).valueType(new DocumentType()));
                }
            };
        }
    }

    private static final class OrderedCollection extends H2Collection {
        private final MVMap<Object, Document> data;

        OrderedCollection(MongoDatabase database, String name, CollectionOptions options, MVMap<Object, Document> data,
                MVMap<String, Object> meta, CursorRegistry cursors) {
            super(database, name, options, data, meta, cursors);
            this.data = data;
        }

        @Override
        protected boolean tracksDataSize() {
            return false;
        }

        @Override
        protected QueryResult queryDocuments(Document query, Document orderBy, int skip, int limit, int batchSize, Document fields) {
            Stream<Document> found = seek(query);
            boolean ordered = orderBy == null || orderBy.isEmpty() || orderBy.equals(new Document("_id", 1));
            if (found == null || !ordered) {
                return super.queryDocuments(query, orderBy, skip, limit, batchSize, fields);
            }
            Document rest = query.clone();
            rest.remove("_id");
            return matchDocumentsFromStream(rest, found.map(Document::clone), skip, limit, batchSize, null, fields);
        }

        /** Returns the documents that a query's condition on _id selects, in order; null when it is none that seeks. */
        private Stream<Document> seek(Document query) {
            Object id = query.get("_id");
            if (id instanceof String) {
                return Stream.ofNullable(data.get(id));
            }
            if (!(id instanceof Document)) {
                return null;
            }
            Document condition = (Document) id;
            if (condition.keySet().equals(Set.of("$in"))) {
                Set<Object> keys = new TreeSet<>(KeyType::order);
                keys.addAll((Collection<?>) condition.get("$in"));
                return keys.stream().map(data::get).filter(Objects::nonNull);
            }
            if (!Set.of("$gte", "$lt").containsAll(condition.keySet())) {
                return null;
            }
            Cursor<Object, Document> cursor = data.cursor(condition.getOrDefault("$gte", ""), condition.get("$lt"), false);
            Object end = condition.get("$lt"); // the cursor's own bound is inclusive
            return StreamSupport.stream(new Spliterators.AbstractSpliterator<Document>(Long.MAX_VALUE, 0) {
                @Override
                public boolean tryAdvance(java.util.function.Consumer<? super Document> action) {
                    if (!cursor.hasNext()) {
                        return false;
                    }
                    Object key = cursor.next();
                    if (end != null && KeyType.order(key, end) >= 0) {
                        return false;
                    }
                    action.accept(cursor.getValue());
                    return true;
                }
            }, false);
        }
    }

    /** The index on _id: the map itself is ordered by it. */
    private static final class IdIndex extends Index<Object> {
        private final MVMap<Object, Document> data;

        IdIndex(String name, List<IndexKey> keys, MVMap<Object, Document> data) {
            super(name, keys, false);
            this.data = data;
        }

        @Override
        public void checkAdd(Document document, de.bwaldvogel.mongo.MongoCollection<Object> collection) {
            if (data.containsKey(document.get("_id"))) {
                throw new DuplicateKeyError(this, collection, getKeys(), new KeyValue(document.get("_id")));
            }
        }

        @Override
        public void add(Document document, Object position, de.bwaldvogel.mongo.MongoCollection<Object> collection) {}

        @Override
        public Object remove(Document document) {
            return document.get("_id");
        }

        @Override
        public Object getPosition(Document document) {
            return document.get("_id");
        }

        @Override
        public boolean canHandle(Document query) {
            return false;
        }

        @Override
        public Iterable<Object> getPositions(Document query) {
            throw new UnsupportedOperationException();
        }

        @Override
        public long getCount() {
            return data.sizeAsLong();
        }

        @Override
        public long getDataSize() {
            return getCount();
        }

        @Override
        public void checkUpdate(Document before, Document after, de.bwaldvogel.mongo.MongoCollection<Object> collection) {}

        @Override
        public void updateInPlace(Document before, Document after, Object position, de.bwaldvogel.mongo.MongoCollection<Object> collection) {}

        @Override
        public void drop() {}

        @Override
        public boolean isUnique() {
            return true;
        }
    }

    /** Strings in the order of their UTF-8. */
    private static final class KeyType extends BasicDataType<Object> {
        static int order(Object a, Object b) {
            String s = (String) a;
            String t = (String) b;
            int n = Math.min(s.length(), t.length());
            for (int i = 0; i < n; i++) {
                if (s.charAt(i) != t.charAt(i)) {
                    return rank(s.charAt(i)) - rank(t.charAt(i));
                }
            }
            return s.length() - t.length();
        }

        /** Halves of characters past U+FFFF come last. */
        private static int rank(char c) {
            return Character.isSurrogate(c) ? c + 0x2000 : c >= 0xE000 ? c - 0x800 : c;
        }

        @Override
        public int compare(Object a, Object b) {
            return order(a, b);
        }

        @Override
        public int getMemory(Object key) {
            return 48 + 2 * ((String) key).length();
        }

        @Override
        public void write(WriteBuffer out, Object key) {
            byte[] b = ((String) key).getBytes(StandardCharsets.UTF_8);
            out.putVarInt(b.length).put(b);
        }

        @Override
        public Object read(ByteBuffer in) {
            byte[] b = new byte[org.h2.mvstore.DataUtils.readVarInt(in)];
            in.get(b);
            return new String(b, StandardCharsets.UTF_8);
        }

        @Override
        public Object[] createStorage(int size) {
            return new Object[size];
        }
    }

    /** Documents as BSON. */
    private static final class DocumentType extends BasicDataType<Document> {
        @Override
        public int getMemory(Document document) {
            return 1024;
        }

        @Override
        public void write(WriteBuffer out, Document document) {
            ByteBuf b = Unpooled.buffer(512);
            BsonEncoder.encodeDocument(document, b);
            out.putVarInt(b.readableBytes()).put(b.nioBuffer());
        }

        @Override
        public Document read(ByteBuffer in) {
            byte[] b = new byte[org.h2.mvstore.DataUtils.readVarInt(in)];
            in.get(b);
            return BsonDecoder.decodeBson(Unpooled.wrappedBuffer(b));
        }

        @Override
        public Document[] createStorage(int size) {
            return new Document[size];
        }
    }
}
