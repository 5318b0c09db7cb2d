//! Function block instances: each gets slots of its own, and a body compiled for them.

use super::ast::{Init, Name, PouKind, Section, VarBlock, VarDecl};
use super::blocks::{Role, StdBlock};
use super::codegen::{Body, Gen, Runs};
use super::data_types::{TypeDef, VarTy};
use super::error::Pos;
use super::variables::{BlockKind, Instance, Owner, Scope, Var, VarPlace};
use super::{MAX_INSTANCE_DEPTH, MAX_INSTANCES};

impl<'a> Gen<'a> {
    pub(super) fn block_variable(
        &mut self,
        name: &Name,
        decl: &'a VarDecl,
        def: TypeDef,
        block: &VarBlock,
        owner: Owner<'_>,
    ) {
        let allowed = owner.kind != Some(PouKind::Function)
            && block.section != Section::Temp
            && !block.constant;
        if !allowed {
            self.error(
                name.pos,
                "ST044",
                "a function block needs memory that lasts",
                "declare it in VAR of a program or function block",
            );
            return;
        }
        let retain = owner.retain || block.retain;
        let prefix = owner.prefix.map(|prefix| format!("{prefix}{}.", name.text));
        let instance = match def {
            TypeDef::StdBlock(kind) => {
                self.instantiate_std(kind, prefix.as_deref(), retain, owner.depth, name.pos)
            }
            TypeDef::UserBlock(pou) => {
                self.instantiate(pou, prefix.as_deref(), retain, owner.depth + 1, name.pos)
            }
            _ => None,
        };
        let Some(instance) = instance else { return };
        match &decl.init {
            None => {}
            Some(Init::Members(members, _)) => self.initial_members(instance, members),
            Some(other) => self.wrong_block_form(other),
        }
        let var = Var {
            ty: VarTy::Block(instance),
            place: VarPlace::Slot(0),
            section: block.section,
            read_only: false,
        };
        self.declare(name, var);
    }

    fn initial_members(&mut self, instance: usize, members: &'a [(Name, Init)]) {
        for (name, init) in members {
            let member = self
                .instances
                .get(instance)
                .and_then(|i| i.members.get(&name.text))
                .copied();
            match member {
                Some(Var {
                    ty,
                    place: VarPlace::Slot(slot),
                    ..
                }) if !matches!(ty, VarTy::Block(_)) => {
                    // Its errors are reported.
                    let _ = self.fill(slot, ty, Some(init));
                }
                _ => self.error(
                    name.pos,
                    "ST045",
                    format!("there is no member {}", name.text),
                    "check the declaration of the function block",
                ),
            }
        }
    }

    fn instantiate_std(
        &mut self,
        kind: StdBlock,
        prefix: Option<&str>,
        retain: bool,
        depth: usize,
        pos: Pos,
    ) -> Option<usize> {
        let members = kind.members();
        if !self.count_instance(pos) {
            return None;
        }
        let base = self.slots(members.len(), 0);
        let owner = Owner {
            prefix,
            kind: Some(PouKind::FunctionBlock),
            retain,
            depth,
        };
        let (mut scope, mut inputs) = (Scope::new(), Vec::new());
        for (i, (name, ty, role, init)) in members.iter().enumerate() {
            let slot = base.saturating_add(u16::try_from(i).unwrap_or(0));
            self.set_initial(slot, &[*init]);
            let section = match role {
                Role::Input => Section::Input,
                Role::Output => Section::Output,
                Role::Hidden => Section::Local,
            };
            if *role == Role::Input {
                inputs.push((*name).to_owned());
            }
            let var = Var {
                ty: VarTy::Scalar(*ty),
                place: VarPlace::Slot(slot),
                section,
                read_only: false,
            };
            self.symbol(owner, name, var);
            scope.insert((*name).to_owned(), var);
        }
        if retain {
            self.retain
                .push(usize::from(base)..usize::from(base) + members.len());
        }
        self.instances.push(Instance {
            kind: BlockKind::Std(kind),
            base,
            members: scope,
            inputs: inputs.into(),
            body: 0,
        });
        Some(self.instances.len() - 1)
    }

    /// Makes an instance of a user's block with slots of its own and a body compiled for them.
    pub(super) fn instantiate(
        &mut self,
        pou_index: usize,
        prefix: Option<&str>,
        retain: bool,
        depth: usize,
        pos: Pos,
    ) -> Option<usize> {
        let unit = self.unit;
        let pou = unit.pous.get(pou_index)?;
        if depth > MAX_INSTANCE_DEPTH {
            let message = format!(
                "{} contains itself, or more than {MAX_INSTANCE_DEPTH} blocks inside each other",
                pou.name.text
            );
            self.error(
                pos,
                "ST032",
                message,
                "a function block cannot hold an instance of itself",
            );
            self.stopped = true;
            return None;
        }
        if !self.count_instance(pos) {
            return None;
        }
        let outer = std::mem::take(&mut self.scope);
        let owner = Owner {
            prefix,
            kind: Some(PouKind::FunctionBlock),
            retain,
            depth,
        };
        let mut fresh = Vec::new();
        for block in &pou.blocks {
            self.var_block(block, owner, &mut fresh);
        }
        let members = std::mem::replace(&mut self.scope, outer);
        let blocks = pou
            .blocks
            .iter()
            .filter(|b| matches!(b.section, Section::Input | Section::InOut));
        let inputs = blocks
            .flat_map(|b| &b.vars)
            .flat_map(|v| &v.names)
            .map(|n| n.text.clone())
            .collect();
        self.bodies.push(Body {
            pou: pou_index,
            scope: members.clone(),
            fresh,
            entry: 0,
            runs: Runs::Called,
        });
        let body = self.bodies.len() - 1;
        self.instances.push(Instance {
            kind: BlockKind::User(pou_index),
            base: 0,
            members,
            inputs,
            body,
        });
        Some(self.instances.len() - 1)
    }

    fn count_instance(&mut self, pos: Pos) -> bool {
        if self.instances.len() >= MAX_INSTANCES {
            self.limit(pos, "function block instances", MAX_INSTANCES);
        }
        !self.stopped
    }
}
