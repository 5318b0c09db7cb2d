//! Types, variables and instances: every declaration becomes slots or a place in memory.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::MAX_SLOTS;
use super::ast::{Expr, Init, Name, PouKind, Section, TypeSpec, VarBlock, VarDecl};
use super::blocks::StdBlock;
use super::codegen::{Body, Gen};
use super::error::Pos;
use super::instr::Slot;
use super::program::{LocatedInit, Place, Symbol};
use super::types::Ty;
use super::vm::Dim;
use crate::memory::{AccessSize, DirectAddress};
use sim_wire::device::Area;

/// Variables by name.
pub(super) type Scope = BTreeMap<String, Var>;

/// Declarations of one file, counting function block members once per instance.
const MAX_DECLARED: usize = 100_000;

#[derive(Clone, Copy, Debug)]
pub(super) struct Var {
    pub ty: VarTy,
    pub place: VarPlace,
    pub section: Section,
    pub read_only: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum VarTy {
    Scalar(Ty),
    /// Index into `Gen::arrays`.
    Array(usize),
    /// Index into `Gen::instances`.
    Block(usize),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum VarPlace {
    Slot(Slot),
    Memory { at: u32, size: AccessSize },
    Const(u64),
}

#[derive(Debug)]
pub(super) struct EnumTy {
    pub name: String,
    pub values: BTreeMap<String, i64>,
    pub first: i64,
}

#[derive(Clone, Debug)]
pub(super) struct ArrayTy {
    pub element: Ty,
    pub dims: Vec<Dim>,
    /// Index of the first dimension in `Gen::dims`; the others follow.
    pub first_dim: u16,
    pub total: usize,
}

/// What a type name stands for.
#[derive(Clone, Copy, Debug)]
pub(super) enum TypeDef {
    Scalar(Ty),
    Array(usize),
    StdBlock(StdBlock),
    /// Index of the POU.
    UserBlock(usize),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BlockKind {
    Std(StdBlock),
    User(usize),
}

#[derive(Debug)]
pub(super) struct Instance {
    pub kind: BlockKind,
    pub base: Slot,
    pub members: Scope,
    /// Inputs in order of declaration.
    pub inputs: Rc<[String]>,
    /// Body of a user's block.
    pub body: usize,
}

/// Where declarations go.
#[derive(Clone, Copy, Debug)]
pub(super) struct Owner<'p> {
    /// Prefix of full names, with its dot; `None` keeps the variables out of the symbol table.
    pub prefix: Option<&'p str>,
    /// Kind of the unit; `None` for global variables.
    pub kind: Option<PouKind>,
    pub retain: bool,
    pub depth: usize,
}

// Phases of the compilation.
impl<'a> Gen<'a> {
    pub(super) fn collect_types(&mut self) {
        let unit = self.unit;
        for decl in &unit.types {
            let Some(def) = self.type_def(&decl.spec, Some(&decl.name.text)) else {
                continue;
            };
            let taken = Ty::named(&decl.name.text).is_some()
                || StdBlock::named(&decl.name.text).is_some()
                || self.pous.contains_key(&decl.name.text);
            if taken || self.types.insert(decl.name.text.clone(), def).is_some() {
                self.error(
                    decl.name.pos,
                    "ST031",
                    format!("{} is declared twice", decl.name.text),
                    "rename one of them",
                );
            }
        }
    }

    pub(super) fn collect_globals(&mut self) {
        let unit = self.unit;
        let owner = Owner {
            prefix: Some(""),
            kind: None,
            retain: false,
            depth: 0,
        };
        for block in &unit.globals {
            self.var_block(block, owner, &mut Vec::new());
        }
        self.globals = std::mem::take(&mut self.scope);
    }

    /// Declares every function or every program: their variables and their bodies.
    pub(super) fn declare_all(&mut self, kind: PouKind) {
        let unit = self.unit;
        for (index, pou) in unit
            .pous
            .iter()
            .enumerate()
            .filter(|(_, pou)| pou.kind == kind)
        {
            if self.stopped {
                return;
            }
            let prefix = format!("{}.", pou.name.text);
            let owner = Owner {
                prefix: (kind == PouKind::Program).then_some(prefix.as_str()),
                kind: Some(kind),
                retain: false,
                depth: 0,
            };
            let mut fresh = Vec::new();
            if let Some(spec) = &pou.result {
                self.result_variable(&pou.name, spec, &mut fresh);
            }
            for block in &pou.blocks {
                self.var_block(block, owner, &mut fresh);
            }
            if kind == PouKind::Function {
                self.functions.insert(index, self.bodies.len());
            }
            let scope = std::mem::take(&mut self.scope);
            self.bodies.push(Body {
                pou: index,
                scope,
                fresh,
                entry: 0,
            });
        }
    }

    pub(super) fn declare_unused_blocks(&mut self) {
        let unit = self.unit;
        for (index, pou) in unit
            .pous
            .iter()
            .enumerate()
            .filter(|(_, pou)| pou.kind == PouKind::FunctionBlock)
        {
            let used = self
                .instances
                .iter()
                .any(|i| i.kind == BlockKind::User(index));
            if !used && !self.stopped {
                self.instantiate(index, None, false, 0, pou.name.pos);
            }
        }
    }

    /// The variable with the function's own name, which holds its result.
    fn result_variable(
        &mut self,
        name: &Name,
        spec: &TypeSpec,
        fresh: &mut Vec<(Slot, Slot, u16)>,
    ) {
        let Some(TypeDef::Scalar(ty)) = self.type_def(spec, None) else {
            self.error(
                name.pos,
                "ST033",
                "a function returns a single value",
                "use a FUNCTION_BLOCK with several outputs",
            );
            return;
        };
        let init = self.default_value(ty);
        let slot = self.slots(1, init);
        let template = self.constant_slot(init);
        fresh.push((slot, template, 1));
        let var = Var {
            ty: VarTy::Scalar(ty),
            place: VarPlace::Slot(slot),
            section: Section::Local,
            read_only: false,
        };
        self.scope.insert(name.text.clone(), var);
    }
}

// Types.
impl Gen<'_> {
    fn type_def(&mut self, spec: &TypeSpec, name: Option<&str>) -> Option<TypeDef> {
        match spec {
            TypeSpec::Named(name) => self.named_type(name),
            TypeSpec::Enum { values, pos } => Some(TypeDef::Scalar(self.enum_type(
                values,
                *pos,
                name.unwrap_or(""),
            )?)),
            TypeSpec::Array { dims, element, pos } => self.array_type(dims, element, *pos),
        }
    }

    fn named_type(&mut self, name: &Name) -> Option<TypeDef> {
        if let Some(ty) = Ty::named(&name.text) {
            return Some(TypeDef::Scalar(ty));
        }
        if let Some(block) = StdBlock::named(&name.text) {
            return Some(TypeDef::StdBlock(block));
        }
        if let Some(def) = self.types.get(&name.text) {
            return Some(*def);
        }
        let block = self.pous.get(&name.text).copied();
        let is_block = |i: &usize| {
            self.unit
                .pous
                .get(*i)
                .is_some_and(|pou| pou.kind == PouKind::FunctionBlock)
        };
        if let Some(index) = block.filter(is_block) {
            return Some(TypeDef::UserBlock(index));
        }
        let hint = match name.text.as_str() {
            "ULINT" | "LWORD" => "use LINT or DWORD",
            "CHAR" | "DATE" | "TOD" | "DT" => {
                "this language has numbers, bits, TIME and enumerations"
            }
            _ => "declare it with TYPE or FUNCTION_BLOCK in this file",
        };
        self.error(
            name.pos,
            "ST034",
            format!("type {} is not known", name.text),
            hint,
        );
        None
    }

    fn enum_type(&mut self, values: &[(Name, Option<Expr>)], pos: Pos, name: &str) -> Option<Ty> {
        let index = u16::try_from(self.enums.len())
            .ok()
            .filter(|i| *i < u16::MAX);
        let Some(index) = index else {
            self.limit(pos, "enumerations", usize::from(u16::MAX));
            return None;
        };
        let (mut map, mut next, mut first) = (BTreeMap::new(), 0_i64, None);
        for (value_name, value) in values {
            if let Some(expr) = value {
                next = self.constant_int(expr)?;
            }
            if i16::try_from(next).is_err() {
                self.error(
                    value_name.pos,
                    "ST035",
                    format!("{next} does not fit an enumeration"),
                    "values range from -32768 to 32767",
                );
            }
            first = first.or(Some(next));
            if map.insert(value_name.text.clone(), next).is_some() {
                self.error(
                    value_name.pos,
                    "ST031",
                    format!("{} is declared twice", value_name.text),
                    "rename one of them",
                );
            }
            next = next.saturating_add(1);
        }
        self.enums.push(EnumTy {
            name: name.to_owned(),
            values: map,
            first: first.unwrap_or(0),
        });
        Some(Ty::Enum(index))
    }

    fn array_type(
        &mut self,
        dims: &[(Expr, Expr)],
        element: &TypeSpec,
        pos: Pos,
    ) -> Option<TypeDef> {
        let mut bounds = Vec::new();
        for (low, high) in dims {
            let (low_value, high_value) = (self.constant_int(low)?, self.constant_int(high)?);
            let extent = high_value
                .checked_sub(low_value)
                .and_then(|n| u32::try_from(n.checked_add(1)?).ok())
                .filter(|n| *n > 0);
            let Some(extent) = extent else {
                self.error(
                    low.pos,
                    "ST036",
                    format!("bounds {low_value}..{high_value} hold no element"),
                    "the upper bound must not be below the lower one",
                );
                return None;
            };
            bounds.push(Dim {
                low: low_value,
                extent,
            });
        }
        let element = match self.type_def(element, None)? {
            TypeDef::Scalar(ty) => ty,
            TypeDef::Array(inner) => {
                let inner = self.arrays.get(inner)?.clone();
                bounds.extend(inner.dims);
                inner.element
            }
            TypeDef::StdBlock(_) | TypeDef::UserBlock(_) => {
                self.error(
                    pos,
                    "ST037",
                    "an array of function blocks is not part of this language",
                    "declare the instances one by one",
                );
                return None;
            }
        };
        let total = bounds
            .iter()
            .try_fold(1_usize, |n, dim| n.checked_mul(dim.extent as usize))
            .filter(|n| *n <= MAX_SLOTS);
        let first_dim = u16::try_from(self.dims.len()).ok();
        let (Some(total), Some(first_dim), true) = (
            total,
            first_dim,
            self.dims.len() + bounds.len() < usize::from(u16::MAX),
        ) else {
            self.limit(pos, "values", MAX_SLOTS);
            return None;
        };
        self.dims.extend(&bounds);
        self.arrays.push(ArrayTy {
            element,
            dims: bounds,
            first_dim,
            total,
        });
        Some(TypeDef::Array(self.arrays.len() - 1))
    }

    /// Initial value of a variable without one: zero, or the first value of an enumeration.
    fn default_value(&self, ty: Ty) -> u64 {
        match ty {
            Ty::Enum(index) => {
                super::numeric::slot_i64(self.enums.get(usize::from(index)).map_or(0, |e| e.first))
            }
            _ => 0,
        }
    }
}

// Variables.
impl Gen<'_> {
    pub(super) fn var_block(
        &mut self,
        block: &VarBlock,
        owner: Owner<'_>,
        fresh: &mut Vec<(Slot, Slot, u16)>,
    ) {
        for decl in &block.vars {
            let pos = decl.names.first().map_or(Pos::default(), |n| n.pos);
            self.pos = pos;
            if self.stopped {
                return;
            }
            if block.section == Section::External {
                self.external(decl);
                continue;
            }
            if block.section == Section::Global && owner.kind.is_some() {
                self.error(
                    pos,
                    "ST038",
                    "VAR_GLOBAL stands outside of programs",
                    "move it to the top of the file",
                );
                continue;
            }
            let Some(def) = self.type_def(&decl.spec, None) else {
                // Known by name with an unknown type, so that uses do not report it again.
                for name in &decl.names {
                    self.declare(
                        name,
                        Var {
                            ty: VarTy::Scalar(Ty::Error),
                            place: VarPlace::Slot(0),
                            section: block.section,
                            read_only: false,
                        },
                    );
                }
                continue;
            };
            for name in &decl.names {
                self.variable(name, decl, def, block, owner, fresh);
            }
        }
    }

    pub(super) fn declare(&mut self, name: &Name, var: Var) {
        self.declared += 1;
        if self.declared > MAX_DECLARED {
            self.limit(name.pos, "variables", MAX_DECLARED);
            return;
        }
        if self.scope.insert(name.text.clone(), var).is_some() {
            self.error(
                name.pos,
                "ST031",
                format!("{} is declared twice", name.text),
                "rename one of them",
            );
        }
    }

    fn external(&mut self, decl: &VarDecl) {
        for name in &decl.names {
            let Some(global) = self.globals.get(&name.text).copied() else {
                self.error(
                    name.pos,
                    "ST039",
                    format!("there is no VAR_GLOBAL {}", name.text),
                    "declare it outside of the programs of this file",
                );
                continue;
            };
            let same = match (self.type_def(&decl.spec, None), global.ty) {
                (Some(TypeDef::Scalar(a)), VarTy::Scalar(b)) => a == b,
                (Some(TypeDef::Array(a)), VarTy::Array(b)) => self.same_array(a, b),
                (Some(TypeDef::StdBlock(a)), VarTy::Block(b)) => self
                    .instances
                    .get(b)
                    .is_some_and(|i| i.kind == BlockKind::Std(a)),
                (Some(TypeDef::UserBlock(a)), VarTy::Block(b)) => self
                    .instances
                    .get(b)
                    .is_some_and(|i| i.kind == BlockKind::User(a)),
                (None, _) => true,
                _ => false,
            };
            if !same {
                self.error(
                    name.pos,
                    "ST039",
                    format!("{} has another type in VAR_GLOBAL", name.text),
                    "give both the same type",
                );
            }
            self.declare(name, global);
        }
    }

    pub(super) fn same_array(&self, a: usize, b: usize) -> bool {
        match (self.arrays.get(a), self.arrays.get(b)) {
            (Some(a), Some(b)) => a.element == b.element && a.dims == b.dims,
            _ => false,
        }
    }

    fn variable(
        &mut self,
        name: &Name,
        decl: &VarDecl,
        def: TypeDef,
        block: &VarBlock,
        owner: Owner<'_>,
        fresh: &mut Vec<(Slot, Slot, u16)>,
    ) {
        let is_fresh = block.section == Section::Temp
            || (owner.kind == Some(PouKind::Function)
                && matches!(block.section, Section::Local | Section::Output));
        let retain = owner.retain || block.retain;
        if let Some((address, pos)) = decl.at {
            self.located_variable(name, decl, def, (address, pos), block, owner);
            return;
        }
        let start = self.init.len();
        let var = match def {
            TypeDef::Scalar(ty) => self.scalar(decl, ty, block),
            TypeDef::Array(index) => self.array(decl, index, block),
            TypeDef::StdBlock(_) | TypeDef::UserBlock(_) => {
                self.block_variable(name, decl, def, block, owner);
                return;
            }
        };
        let Some(var) = var else { return };
        if let VarPlace::Slot(slot) = var.place {
            let count = u16::try_from(self.var_len(var.ty)).unwrap_or(0);
            if retain && !is_fresh {
                self.retain
                    .push(usize::from(slot)..usize::from(slot) + usize::from(count));
            }
            if is_fresh && !block.constant && self.init.len() > start {
                let template = self.template(slot, count);
                fresh.push((slot, template, count));
            }
        }
        self.symbol(owner, &name.text, var);
        self.declare(name, var);
    }

    /// Slots that keep the initial values of `slot..` for variables that start fresh at every call.
    fn template(&mut self, slot: Slot, count: u16) -> Slot {
        let from = usize::from(slot);
        if count == 1 {
            let bits = self.init.get(from).copied().unwrap_or(0);
            return self.constant_slot(bits);
        }
        let values: Vec<u64> = self
            .init
            .get(from..from + usize::from(count))
            .map(<[u64]>::to_vec)
            .unwrap_or_default();
        let template = self.slots(values.len(), 0);
        self.set_initial(template, &values);
        template
    }

    pub(super) fn set_initial(&mut self, slot: Slot, values: &[u64]) {
        let from = usize::from(slot);
        if let Some(target) = self.init.get_mut(from..from + values.len()) {
            target.copy_from_slice(values);
        }
    }

    fn var_len(&self, ty: VarTy) -> usize {
        match ty {
            VarTy::Array(index) => self.arrays.get(index).map_or(0, |a| a.total),
            _ => 1,
        }
    }

    fn scalar(&mut self, decl: &VarDecl, ty: Ty, block: &VarBlock) -> Option<Var> {
        let bits = match &decl.init {
            None => self.default_value(ty),
            Some(Init::Value(expr)) => self.constant_of(expr, ty)?,
            Some(Init::List(_, pos)) => {
                self.error(
                    *pos,
                    "ST041",
                    "a list of values needs an array",
                    "give a single value",
                );
                return None;
            }
            Some(Init::Members(members)) => {
                let pos = members.first().map_or(Pos::default(), |(n, _)| n.pos);
                self.error(
                    pos,
                    "ST041",
                    "initial members need a function block",
                    "give a single value",
                );
                return None;
            }
        };
        let place = if block.constant {
            VarPlace::Const(bits)
        } else {
            VarPlace::Slot(self.slots(1, bits))
        };
        Some(Var {
            ty: VarTy::Scalar(ty),
            place,
            section: block.section,
            read_only: block.constant,
        })
    }

    fn array(&mut self, decl: &VarDecl, index: usize, block: &VarBlock) -> Option<Var> {
        let array = self.arrays.get(index)?.clone();
        let default = self.default_value(array.element);
        let slot = self.slots(array.total, default);
        let mut values = Vec::new();
        match &decl.init {
            None => {}
            Some(Init::List(items, pos)) => {
                for (repeat, expr) in items {
                    let count = match repeat {
                        Some(repeat) => {
                            usize::try_from(self.constant_int(repeat)?).unwrap_or(usize::MAX)
                        }
                        None => 1,
                    };
                    let bits = self.constant_of(expr, array.element)?;
                    if count > array.total.saturating_sub(values.len()) {
                        self.error(
                            *pos,
                            "ST041",
                            format!("more values than the {} elements", array.total),
                            "shorten the list",
                        );
                        return None;
                    }
                    values.resize(values.len() + count, bits);
                }
            }
            Some(Init::Value(expr)) => {
                self.error(
                    expr.pos,
                    "ST041",
                    "an array takes a list of values",
                    "write [1, 2, 3] or [10(0)]",
                );
                return None;
            }
            Some(Init::Members(_)) => return None,
        }
        self.set_initial(slot, &values);
        Some(Var {
            ty: VarTy::Array(index),
            place: VarPlace::Slot(slot),
            section: block.section,
            read_only: block.constant,
        })
    }

    fn located_variable(
        &mut self,
        name: &Name,
        decl: &VarDecl,
        def: TypeDef,
        at: (DirectAddress, Pos),
        block: &VarBlock,
        owner: Owner<'_>,
    ) {
        let (address, pos) = at;
        let TypeDef::Scalar(ty) = def else {
            self.error(
                pos,
                "ST042",
                "only single values can be located",
                "locate each element in a variable of its own",
            );
            return;
        };
        if !ty.fits(address.size) {
            let hint = "X holds BOOL; B BYTE, SINT, USINT; W WORD, INT, UINT; D DWORD, DINT, UDINT, REAL; L LINT, LREAL";
            self.error(
                pos,
                "ST042",
                format!(
                    "{} cannot be located at an address of this width",
                    ty.name()
                ),
                hint,
            );
        }
        if owner.kind == Some(PouKind::Function)
            || block.constant
            || !matches!(block.section, Section::Local | Section::Global)
        {
            self.error(
                pos,
                "ST042",
                "this section cannot be located",
                "use VAR or VAR_GLOBAL",
            );
        }
        let Some(at) = self.address(address, pos) else {
            return;
        };
        let default = decl.init.is_some() || matches!(ty, Ty::Enum(_));
        let value = match &decl.init {
            Some(Init::Value(expr)) => self.constant_of(expr, ty).unwrap_or(0),
            Some(_) => {
                self.error(
                    pos,
                    "ST041",
                    "a located variable takes a single value",
                    "give a single value",
                );
                0
            }
            None => self.default_value(ty),
        };
        let retain = owner.retain || block.retain;
        // Where several variables share an address, the first initial value counts.
        if (default || retain)
            && address.area != Area::Input
            && self.located_places.insert((at, address.size))
        {
            self.located.push(LocatedInit {
                at,
                size: address.size,
                value,
                retain,
            });
        }
        let place = VarPlace::Memory {
            at,
            size: address.size,
        };
        let var = Var {
            ty: VarTy::Scalar(ty),
            place,
            section: block.section,
            read_only: address.area == Area::Input,
        };
        self.symbol(owner, &name.text, var);
        self.declare(name, var);
    }

    /// Place of a direct address in memory: a byte, of a bit eight times the byte plus the bit.
    pub(super) fn address(&mut self, address: DirectAddress, pos: Pos) -> Option<u32> {
        let byte = self.layout.absolute(address);
        let at = match (byte, address.size) {
            (Some(byte), AccessSize::Bit) => byte
                .checked_mul(8)
                .and_then(|b| b.checked_add(u32::from(address.bit))),
            (byte, _) => byte,
        };
        if at.is_none() {
            self.error(
                pos,
                "ST043",
                "the controller has no memory at this address",
                "use a smaller address or enlarge the area in the controller's settings",
            );
        }
        at
    }

    pub(super) fn symbol(&mut self, owner: Owner<'_>, name: &str, var: Var) {
        let Some(prefix) = owner.prefix else { return };
        let (ty, dims) = match var.ty {
            VarTy::Scalar(ty) => (ty, Vec::new()),
            VarTy::Array(index) => match self.arrays.get(index) {
                Some(array) => (array.element, array.dims.clone()),
                None => return,
            },
            VarTy::Block(_) => return,
        };
        let place = match var.place {
            VarPlace::Slot(slot) => Place::Slot(slot),
            VarPlace::Memory { at, size } => Place::Memory { at, size },
            VarPlace::Const(bits) => Place::Slot(self.constant_slot(bits)),
        };
        let constant = var.read_only && !matches!(var.place, VarPlace::Memory { .. });
        self.symbols.insert(
            format!("{prefix}{name}"),
            Symbol {
                ty,
                place,
                dims,
                constant,
            },
        );
    }
}
