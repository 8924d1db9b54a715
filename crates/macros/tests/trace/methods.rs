//! Methods, with every kind of `self`, in types and traits.

use crate::{run, traced, tree};
use perf_monitor_macros::trace;
use std::rc::Rc;

#[derive(Clone, Debug, Default, PartialEq)]
struct Store<T> {
    rows: Vec<T>,
    reads: u64,
}

impl<T: Clone> Store<T> {
    const FIRST: usize = 0;

    #[trace]
    fn with(rows: &[T]) -> Self {
        Self { rows: rows.to_vec(), reads: 0 }
    }

    #[trace]
    fn first(&self) -> Option<&T> {
        self.rows.get(Self::FIRST)
    }

    #[trace]
    fn read(&mut self) -> Result<&mut T, u64> {
        self.reads += 1;
        let reads = self.reads;
        self.rows.get_mut(Self::FIRST).ok_or(reads)
    }

    #[trace]
    fn into_rows(mut self, more: T) -> Vec<T> {
        self.rows.push(more);
        self.rows
    }

    #[trace]
    fn shared(self: Rc<Self>) -> usize {
        Rc::strong_count(&self)
    }

    #[trace(name = "Store::push")]
    pub(crate) async fn push(&mut self, row: T) -> &mut Self {
        crate::pause().await;
        self.rows.push(row);
        self
    }
}

#[test]
fn methods_take_self_in_every_way() {
    let trace = traced(every_method);
    let all = "test(with first read read! push shared into_rows)";
    assert_eq!(tree(&trace), all);
}

fn every_method() {
    let mut store = Store::with(&[1]);
    assert_eq!(store.first(), Some(&1));
    *store.read().unwrap() = 5;
    assert_eq!(Store::<u8>::default().read(), Err(1));
    assert_eq!(run(store.push(6)).reads, 1);
    assert_eq!(Rc::new(store.clone()).shared(), 1);
    assert_eq!(store.into_rows(7), [5, 6, 7]);
}

trait Fetch {
    type Row;

    async fn fetch(&self, key: u8) -> Result<Self::Row, String>;

    #[trace(name = "Fetch::provided")]
    async fn provided(&self) -> Result<Self::Row, String> {
        let row = self.fetch(1).await?;
        Ok(row)
    }

    #[trace]
    fn plain(&self) -> u8 {
        1
    }
}

impl<T> Fetch for Store<T> {
    type Row = u8;

    #[trace(name = "Store::fetch")]
    async fn fetch(&self, key: u8) -> Result<u8, String> {
        self.rows.get(usize::from(key)).map(|_| key).ok_or_else(|| format!("no row {key}"))
    }
}

#[test]
fn methods_of_traits_are_traced_where_their_body_is() {
    let store = Store { rows: vec!["a"], reads: 0 };
    let trace = traced(|| {
        assert!(run(store.provided()).is_err());
        assert_eq!(run(store.fetch(0)), Ok(0));
        assert_eq!(store.plain(), 1);
    });
    assert_eq!(tree(&trace), "test(provided!(fetch!) fetch plain)");
}
