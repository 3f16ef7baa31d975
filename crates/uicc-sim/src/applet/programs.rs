//! The programs that a card has: what it comes with, and what its user adds.

use std::sync::Arc;

use globalplatform::aid::Aid;

use super::Program;
use super::crs::CrsProgram;
use super::inert::InertProgram;
use super::jpki::JpkiProgram;

/// Programs by the package and module that they stand for.
#[derive(Clone)]
pub(crate) struct Programs(Vec<Arc<dyn Program>>);

/// What every card comes with, by the names that profiles use.
fn built_in() -> [(&'static str, Arc<dyn Program>); 2] {
    [
        ("jpki", Arc::new(JpkiProgram)),
        ("crs", Arc::new(CrsProgram)),
    ]
}

/// The names of the programs that every card comes with.
pub(crate) fn names() -> Vec<&'static str> {
    built_in().iter().map(|(name, _)| *name).collect()
}

/// A program that every card comes with, by its name or its module's AID.
pub(crate) fn named(word: &str) -> Option<Arc<dyn Program>> {
    let is_module = |program: &dyn Program| {
        let module = program.module().to_string();
        module.eq_ignore_ascii_case(word)
    };
    let mut programs = built_in().into_iter();
    let found = programs.find(|(name, program)| *name == word || is_module(&**program));
    found.map(|(_, program)| program)
}

impl Default for Programs {
    /// What every card comes with.
    fn default() -> Self {
        Self(built_in().map(|(_, program)| program).into())
    }
}

impl Programs {
    /// Adds a program; it takes the place of one for the same module.
    pub(crate) fn add(&mut self, program: Arc<dyn Program>) {
        let (package, module) = (program.package(), program.module());
        self.0
            .retain(|p| (p.package(), p.module()) != (package, module));
        self.0.push(program);
    }

    /// The program for a module of a package; the inert one for all that are unknown.
    pub(crate) fn of(&self, package: &Aid, module: &Aid) -> Arc<dyn Program> {
        let is_it = |p: &&Arc<dyn Program>| p.package() == *package && p.module() == *module;
        match self.0.iter().find(is_it) {
            Some(program) => Arc::clone(program),
            None => Arc::new(InertProgram),
        }
    }
}

impl core::fmt::Debug for Programs {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let modules = self.0.iter().map(|program| program.module());
        f.debug_set().entries(modules).finish()
    }
}
