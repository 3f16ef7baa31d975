//! ReferenceLocation against the byte code: a card replaces exactly the indices that are listed.

use alloc::{collections::BTreeSet, format, vec::Vec};

use super::{
    super::{
        BlockReferences, ComponentKind, ExceptionHandler, IndexLocation, MethodBlock, MethodTable,
    },
    Findings,
    code::{BlockWalk, Walk},
    package::Package,
};

const KIND: ComponentKind = ComponentKind::ReferenceLocation;

pub(super) fn check(package: &Package<'_>, walk: &Walk, findings: &mut Findings) {
    let (Some(references), Some(methods)) = (&package.references, &package.methods) else {
        return;
    };
    if references.blocks.len() != methods.blocks.len() {
        let message = format!(
            "there are {} blocks, Method has {}",
            references.blocks.len(),
            methods.blocks.len()
        );
        return findings.error(KIND, package.base(KIND), message);
    }
    check_blocks(package, methods, &references.blocks, walk, findings);
}

fn check_blocks(
    package: &Package<'_>,
    methods: &MethodTable<'_>,
    references: &[BlockReferences],
    walk: &Walk,
    findings: &mut Findings,
) {
    for ((block, listed), found) in methods.blocks.iter().zip(references).zip(&walk.blocks) {
        let mut linker = Linker {
            block,
            listed,
            found,
            base: package.base(ComponentKind::Method) + block.start,
            constants: package.pool.as_ref().map(|pool| pool.constants.len()),
            findings,
        };
        linker.check_listed(&listed.short, false);
        linker.check_listed(&listed.long, true);
        linker.check_complete();
    }
}

struct Linker<'a, 'f> {
    block: &'a MethodBlock<'a>,
    listed: &'a BlockReferences,
    found: &'a BlockWalk,
    /// Where the block begins in the Method component.
    base: usize,
    constants: Option<usize>,
    findings: &'f mut Findings,
}

impl Linker<'_, '_> {
    /// Where the handlers have indices.
    fn catch_types(&self) -> impl Iterator<Item = usize> {
        let first = MethodBlock::FIRST_HANDLER + MethodBlock::CATCH_TYPE;
        let handlers = self.block.handlers.iter().enumerate();
        handlers
            .filter(|(_, handler)| handler.catch_type != 0)
            .map(move |(index, _)| first + index * ExceptionHandler::LENGTH)
    }

    /// Everything that is listed must be an index.
    fn check_listed(&mut self, list: &[IndexLocation], is_long: bool) {
        let known: BTreeSet<usize> = self.known(is_long).collect();
        for location in list {
            let target = location.target;
            let fault = match self.index_at(target, is_long) {
                None => Some("is beyond the end of Method"),
                Some(_) if known.contains(&target) => None, // Its value is checked with the code.
                Some(_) if self.is_something_else(target) => Some("is no index"),
                Some(index) if self.constants.is_some_and(|count| index >= count) => {
                    Some("has no constant")
                }
                Some(_) => None,
            };
            if let Some(fault) = fault {
                let message = format!("0x{target:04X} of Method {fault}");
                self.findings.error(KIND, location.offset, message);
            }
        }
    }

    /// Every index must be listed.
    fn check_complete(&mut self) {
        let short = self.missing(&self.listed.short, false);
        let long = self.missing(&self.listed.long, true);
        for at in short.into_iter().chain(long) {
            let message = "index is not listed in RefLocation: a card does not link it";
            let offset = self.base + at;
            self.findings.error(ComponentKind::Method, offset, message);
        }
    }

    fn missing(&self, list: &[IndexLocation], is_long: bool) -> Vec<usize> {
        let listed: BTreeSet<usize> = list.iter().map(|location| location.target).collect();
        let references = self.found.references.iter();
        references
            .filter(|(_, reference)| reference.is_long == is_long)
            .map(|(at, _)| *at)
            .chain(self.catch_types().filter(|_| is_long))
            .filter(|at| !listed.contains(at))
            .collect()
    }

    /// Where there surely or possibly are indices of this width.
    fn known(&self, is_long: bool) -> impl Iterator<Item = usize> {
        let references = self.found.references.iter();
        let possible = self.found.possible.iter().copied();
        references
            .filter(move |(_, reference)| reference.is_long == is_long)
            .map(|(at, _)| *at)
            .chain(possible.chain(self.catch_types()).filter(move |_| is_long))
    }

    /// The number at this place.
    fn index_at(&self, target: usize, is_long: bool) -> Option<usize> {
        let bytes = self.block.info.get(target..)?;
        match *bytes {
            [high, low, ..] if is_long => Some(u16::from_be_bytes([high, low]).into()),
            [index, ..] if !is_long => Some(index.into()),
            _ => None,
        }
    }

    /// Whether the place is known to hold something else: handlers, or an instruction.
    fn is_something_else(&self, target: usize) -> bool {
        let instruction = self.found.instructions.range(..=target).next_back();
        target < self.block.code_start() || instruction.is_some_and(|(_, end)| target < *end)
    }
}
