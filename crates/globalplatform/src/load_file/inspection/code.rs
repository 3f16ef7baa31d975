//! Byte code: from every method that something names, all instructions that can be reached.
//!
//! Nothing but the Descriptor tells where methods end. A walk along the control flow needs no ends,
//! and what it finds is surely an instruction.

use alloc::{collections::BTreeMap, format, string::String, vec::Vec};
use core::ops::Range;

use super::{
    super::{
        ComponentKind, Constant, ExceptionHandler, Instruction, MethodBlock, MethodHeader,
        Reference,
    },
    Findings,
    package::Package,
    starts::Starts,
};
use crate::{error::DecodeError, tlv::Reader};

const KIND: ComponentKind = ComponentKind::Method;

/// What was found on the way.
#[derive(Default)]
pub(super) struct Walk {
    /// One for each block.
    pub blocks: Vec<BlockWalk>,
    /// Bytes of the largest frame.
    pub largest_frame: usize,
}

/// What was found in a block of the Method component. Offsets count from the block.
#[derive(Default)]
pub(super) struct BlockWalk {
    /// Where instructions begin and end.
    pub instructions: BTreeMap<usize, usize>,
    /// Where they have indices into the constant pool.
    pub references: Vec<(usize, Reference)>,
    /// Where they have two bytes that may be an index or not.
    pub possible: Vec<usize>,
    uses_int: bool,
}

pub(super) fn walk(package: &Package<'_>, starts: &Starts, findings: &mut Findings) -> Walk {
    let mut walk = Walk {
        largest_frame: starts.0.values().map(frame).max().unwrap_or(0),
        ..Walk::default()
    };
    let Some(methods) = &package.methods else {
        return walk;
    };
    for (number, block) in methods.blocks.iter().enumerate() {
        let starts = starts
            .0
            .iter()
            .filter(|(position, _)| usize::from(position.block) == number)
            .map(|(position, header)| (usize::from(position.offset), *header))
            .collect();
        let mut walker = Walker {
            base: package.base(KIND) + block.start,
            block,
            starts,
            todo: Vec::new(),
            found: BlockWalk::default(),
            findings,
        };
        walker.run();
        walker.check_handlers(package);
        let found = walker.found;
        check_references(package, block, &found, findings);
        walk.blocks.push(found);
    }
    let uses_int = walk.blocks.iter().any(|block| block.uses_int);
    if uses_int
        && package
            .header
            .as_ref()
            .is_some_and(|header| !header.uses_int)
    {
        let message = "byte code uses 32-bit integers, which the Header does not announce";
        findings.warning(KIND, 0, message);
    }
    walk
}

/// Bytes of a frame: cells have two.
fn frame(header: &MethodHeader) -> usize {
    let cells = [header.max_stack, header.parameters, header.max_locals];
    2 * cells.into_iter().map(usize::from).sum::<usize>()
}

struct Walker<'a, 'f> {
    /// Where the block begins in the component.
    base: usize,
    block: &'a MethodBlock<'a>,
    starts: BTreeMap<usize, MethodHeader>,
    todo: Vec<usize>,
    found: BlockWalk,
    findings: &'f mut Findings,
}

impl Walker<'_, '_> {
    fn error(&mut self, at: usize, message: impl Into<String>) {
        self.findings.error(KIND, self.base + at, message);
    }

    /// The method that a byte belongs to, if it is known: from its byte code to the next known method.
    fn method_of(&self, at: usize) -> Option<Range<usize>> {
        let (start, header) = self.starts.range(..=at).next_back()?;
        let next = self.starts.range(at + 1..).next();
        let end = next.map_or(self.block.info.len(), |(next, _)| *next);
        Some(start + header.length..end)
    }

    fn run(&mut self) {
        let handlers = self.block.handlers.iter().map(|h| usize::from(h.handler));
        self.todo = self
            .starts
            .iter()
            .filter(|(_, header)| !header.is_abstract)
            .map(|(start, header)| start + header.length)
            // The others are findings of their own.
            .chain(handlers.filter(|at| self.method_of(*at).is_some_and(|code| code.contains(at))))
            .collect();
        while let Some(at) = self.todo.pop() {
            if !self.found.instructions.contains_key(&at) {
                self.visit(at);
            }
        }
        let mut before = 0;
        for (at, end) in self.found.instructions.clone() {
            if at < before {
                self.error(at, "instruction begins inside another one");
            }
            before = end;
        }
    }

    fn visit(&mut self, at: usize) {
        let Some(method) = self.method_of(at) else {
            return;
        };
        let code = self.block.info.get(at..method.end).unwrap_or_default();
        let instruction = match Instruction::read(&mut Reader::with_base(code, at)) {
            Ok(instruction) => instruction,
            Err(DecodeError::Truncated { .. }) => {
                return self.error(at, "code runs beyond the end of its method");
            }
            Err(error) => return self.error(error.offset(), "no valid instruction"),
        };
        let next = at + instruction.length;
        self.found.instructions.insert(at, next);
        self.found.uses_int |= instruction.uses_int();
        if let Some(reference) = instruction.reference {
            self.found
                .references
                .push((at + reference.position, reference));
        } else if instruction.opcode == 0x94 || instruction.opcode == 0x95 {
            self.found.possible.push(at + 2);
        }
        if instruction.falls_through && next < method.end {
            self.todo.push(next);
        } else if instruction.falls_through {
            self.error(at, "code runs beyond the end of its method");
        }
        for jump in instruction.jumps {
            let target = isize::try_from(jump)
                .ok()
                .and_then(|jump| at.checked_add_signed(jump))
                .filter(|target| method.contains(target));
            match target {
                Some(target) => self.todo.push(target),
                None => self.error(at, "jump leaves its method"),
            }
        }
    }

    fn check_handlers(&mut self, package: &Package<'_>) {
        let handlers = self.block.handlers.clone();
        let mut before = 0;
        for (index, handler) in handlers.iter().enumerate() {
            let at = MethodBlock::FIRST_HANDLER + index * ExceptionHandler::LENGTH;
            if let Some(fault) = self.handler_fault(handler) {
                self.error(at, format!("exception handler {index}: {fault}"));
            }
            if handler.handler < before {
                self.error(at, "exception handlers are not in order");
            }
            before = handler.handler;
            let constant = package
                .pool
                .as_ref()
                .filter(|_| handler.catch_type != 0)
                .map(|pool| pool.constants.get(usize::from(handler.catch_type)));
            if constant.is_some_and(|found| !matches!(found, Some(Constant::Class(_)))) {
                let message = format!(
                    "exception handler {index}: constant {} is no class",
                    handler.catch_type
                );
                self.error(at + MethodBlock::CATCH_TYPE, message);
            }
        }
    }

    /// Range and handler must be in the same method.
    fn handler_fault(&self, handler: &ExceptionHandler) -> Option<&'static str> {
        let start = usize::from(handler.start);
        let target = usize::from(handler.handler);
        if handler.length == 0 {
            return Some("its range is empty");
        }
        let Some(method) = self.method_of(start) else {
            return Some("its range begins in no method");
        };
        if start < method.start || handler.end() > method.end {
            return Some("its range leaves the method");
        }
        if !method.contains(&target) {
            return Some("it is not in the method of its range");
        }
        None
    }
}

/// Instructions must refer to constants of the right kind.
fn check_references(
    package: &Package<'_>,
    block: &MethodBlock<'_>,
    found: &BlockWalk,
    findings: &mut Findings,
) {
    let Some(pool) = &package.pool else {
        return;
    };
    let base = package.base(KIND) + block.start;
    for (at, reference) in &found.references {
        let index = reference.index;
        let fault = match pool.constants.get(usize::from(index)) {
            None => "does not exist",
            Some(constant) if !reference.target.accepts(constant) => "is of another kind",
            Some(_) => continue,
        };
        let message = format!("instruction refers to constant {index}, which {fault}");
        findings.error(KIND, base + at, message);
    }
}
