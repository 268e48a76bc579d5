//! Batches: atomic, counted, bound to a generation.

use crate::namespace::{commit, with_namespace, with_table};
use margay_nftables::expr::PayloadField;
use margay_nftables::*;
use std::sync::atomic::{AtomicBool, Ordering};

#[test]
fn messages_are_counted_by_kind() {
    let table = TableId::new(Family::Inet, "t");
    let mut batch = Batch::new();
    assert!(batch.is_empty());
    assert_eq!(batch.counts().to_string(), "nothing");
    batch.add_elements(&table, "s", [Element::new([1u8, 2, 3, 4])]);
    batch.delete_elements(&table, "s", [Element::new([1u8, 2, 3, 5]), Element::new([1u8, 2, 3, 6])]);
    batch.add_elements(&table, "s", [] as [Element; 0]);
    let inline = Rule::new().payload(PayloadField::DPORT).any_of(FieldType::INET_SERVICE, [Data::be16(1)]);
    batch.add_rule(&table, "c", &inline);
    assert_eq!(batch.counts().to_string(), "NEWRULE 1, NEWSET 1, NEWSETELEM 2, DELSETELEM 1");
    assert_eq!((batch.counts().elements_added, batch.counts().elements_deleted), (2, 2));
    assert_eq!((batch.counts().of(MessageKind::NewRule), batch.counts().total()), (1, 5));
    assert_eq!(
        batch.describe().collect::<Vec<_>>(),
        [
            "add element inet t s",
            "delete element inet t s",
            "add set inet t __set%d",
            "add element inet t __set%d",
            "add rule inet t c",
        ]
    );
    batch.clear();
    assert_eq!((batch.bytes(), batch.counts()), (0, Counts::default()));
}

#[test]
fn an_empty_batch_sends_nothing() {
    with_table(|connection, _| {
        let before = connection.generation().unwrap();
        assert_eq!(connection.commit(&mut Batch::new()).unwrap(), Committed::default());
        assert_eq!(connection.generation().unwrap(), before);
    });
}

#[test]
fn a_commit_fails_when_the_ruleset_changed() {
    with_table(|connection, table| {
        let seen = connection.ruleset(table).unwrap().unwrap().generation;
        commit(connection, |batch| batch.add_chain(table, &Chain::regular("foreign")));
        let mut batch = Batch::new();
        batch.expect_generation(seen);
        batch.add_chain(table, &Chain::regular("ours"));
        assert!(matches!(connection.commit(&mut batch), Err(Error::Stale { expected }) if expected == seen));
        assert_eq!(connection.chains(table).unwrap().len(), 1);
        // The same batch goes through with the generation that is.
        batch.expect_generation(connection.generation().unwrap());
        connection.commit(&mut batch).unwrap();
        assert_eq!(connection.chains(table).unwrap().len(), 2);
    });
}

/// Whatever a reader sees is of one moment: each commit adds a chain and a set, so there are always as many of both.
#[test]
fn reading_while_others_commit() {
    with_table(|reader, table| {
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                // A thread begins in the network namespace of the one that made it.
                let mut writer = Connection::open().unwrap();
                for n in 0..300 {
                    commit(&mut writer, |batch| {
                        batch.add_chain(table, &Chain::regular(format!("chain{n}")));
                        batch.add_set(table, &Set::new(format!("set{n}"), FieldType::MARK));
                    });
                }
                done.store(true, Ordering::Release);
            });
            loop {
                let last = done.load(Ordering::Acquire);
                match reader.ruleset(table) {
                    Ok(ruleset) => {
                        let ruleset = ruleset.unwrap();
                        assert_eq!(ruleset.chains.len(), ruleset.sets.len());
                        assert!(!last || ruleset.chains.len() == 300);
                    }
                    Err(error) => assert!(!last && matches!(error, Error::Unstable { .. }), "{error}"),
                }
                if last {
                    break;
                }
            }
        });
    });
}

/// A table, or a set, gives way to another one of the same name within one batch.
#[test]
fn things_are_replaced_in_one_batch() {
    with_table(|connection, table| {
        let fill = |batch: &mut Batch, field, key: Data| {
            batch.add_set(table, &Set::new("s", field));
            batch.add_elements(table, "s", [Element::new(key)]);
        };
        commit(connection, |batch| fill(batch, FieldType::IPV4_ADDR, [10, 0, 0, 1].into()));
        commit(connection, |batch| {
            batch.delete_set(table, "s");
            fill(batch, FieldType::INET_SERVICE, Data::be16(80));
        });
        assert_eq!(connection.elements(table, "s").unwrap(), [Element::new(Data::be16(80))]);
        // Whether or not the table is there: added, so that it can be deleted, and made anew.
        commit(connection, |batch| {
            batch.add_table(table, &Table::default());
            batch.delete_table(table);
            batch.add_table(table, &Table::default());
            fill(batch, FieldType::MARK, Data::host32(7));
        });
        assert_eq!(connection.elements(table, "s").unwrap(), [Element::new(Data::host32(7))]);
    });
}

#[test]
fn a_batch_beyond_the_send_buffer_is_not_split() {
    with_namespace(|| {
        let sizes = BufferSizes { send: 64 << 10, ..BufferSizes::default() };
        let mut connection = Connection::with_buffers(sizes).unwrap();
        let table = TableId::new(Family::Inet, "t");
        let mut batch = Batch::new();
        batch.add_table(&table, &Table::default());
        batch.add_set(&table, &Set::new("s", FieldType::INTEGER));
        batch.add_elements(&table, "s", (0u32..100_000).map(|n| Element::new(n.to_be_bytes())));
        let error = connection.commit(&mut batch).unwrap_err();
        let Error::TransactionTooLarge { bytes, messages, limit } = error else { panic!("{error}") };
        assert_eq!((messages, limit), (batch.counts().total(), connection.send_limit()));
        assert!(bytes > limit && limit < 128 << 10, "{bytes} {limit}");
        assert!(error.to_string().contains("net.core.wmem_max"), "{error}");
        assert_eq!(connection.tables().unwrap(), []);
        // A larger buffer takes it.
        let mut connection = Connection::open().unwrap();
        connection.commit(&mut batch).unwrap();
        assert_eq!(connection.elements(&table, "s").unwrap().len(), 100_000);
    });
}

/// Exactly the limit passes, which shows that the limit is the kernel's.
#[test]
fn the_send_limit_is_exact() {
    with_namespace(|| {
        let sizes = BufferSizes { send: 8 << 10, ..BufferSizes::default() };
        let mut connection = Connection::with_buffers(sizes).unwrap();
        let table = |len: usize| {
            let mut batch = Batch::new();
            let name = TableId::new(Family::Inet, "t");
            while batch.bytes() + 40 < len - 200 {
                batch.add_table(&name, &Table::default());
            }
            let mut batch_len = batch.bytes();
            // Fill with a table whose comment has the length that is missing.
            let rest = len - 40 - batch_len;
            let head = {
                let mut probe = Batch::new();
                probe.add_table(&name, &Table::default());
                probe.bytes()
            };
            let userdata = Userdata::from_bytes(&vec![0; rest - head - 4]);
            batch.add_table(&name, &Table { userdata, ..Table::default() });
            batch_len = batch.bytes();
            assert_eq!(batch_len + 40, len);
            batch
        };
        let limit = connection.send_limit();
        assert_eq!(limit % 4, 0);
        connection.commit(&mut table(limit)).unwrap();
        assert!(matches!(connection.commit(&mut table(limit + 4)), Err(Error::TransactionTooLarge { .. })));
    });
}
