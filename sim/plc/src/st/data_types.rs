//! Data types: what a type name or a type in a declaration stands for.

use std::collections::BTreeMap;

use super::annex::Library;
use super::ast::{Expr, Init, Name, PouKind, TypeSpec, VarDecl};
use super::blocks::StdBlock;
use super::codegen::Gen;
use super::error::Pos;
use super::numeric::i64_of;
use super::text;
use super::types::Ty;
use super::vm::Dim;
use super::{MAX_DIMENSIONS, MAX_NESTING, MAX_SLOTS};

/// Type of a variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum VarTy {
    Scalar(Ty),
    /// Index into `Gen::subranges`.
    Subrange(usize),
    /// STRING with room for this number of characters.
    Text(u8),
    /// Index into `Gen::arrays`.
    Array(usize),
    /// Index into `Gen::structs`.
    Struct(usize),
    /// Index into `Gen::instances`.
    Block(usize),
}

/// What a type name stands for.
#[derive(Clone, Copy, Debug)]
pub(super) enum TypeDef {
    Data(VarTy),
    StdBlock(StdBlock),
    /// Index of the POU.
    UserBlock(usize),
}

/// A type and the initial value that its declaration gives.
#[derive(Clone, Copy, Debug)]
pub(super) struct Typed<'a> {
    pub def: TypeDef,
    pub init: Option<&'a Init>,
}

#[derive(Debug)]
pub(super) struct EnumTy {
    pub name: String,
    pub values: BTreeMap<String, i64>,
    pub first: i64,
}

/// `INT (0..100)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Subrange {
    pub ty: Ty,
    pub low: i64,
    pub high: i64,
}

#[derive(Clone, Debug)]
pub(super) struct ArrayTy<'a> {
    pub element: VarTy,
    /// Initial value of an element where its type has one.
    pub element_init: Option<&'a Init>,
    pub dims: Vec<Dim>,
    /// Index of the first dimension in `Gen::dims`; the others follow.
    pub first_dim: u16,
    /// Number of elements.
    pub total: usize,
    /// Slots of one element.
    pub stride: u16,
    /// Types inside each other.
    pub depth: usize,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Field<'a> {
    pub ty: VarTy,
    /// Distance from the first slot of the structure.
    pub offset: u16,
    pub init: Option<&'a Init>,
}

#[derive(Clone, Debug)]
pub(super) struct StructTy<'a> {
    /// Name of the type; empty where the declaration of a variable holds it.
    pub name: String,
    pub fields: BTreeMap<String, Field<'a>>,
    pub size: usize,
    /// Types inside each other.
    pub depth: usize,
}

impl<'a> Gen<'a> {
    pub(super) fn collect_types(&mut self) {
        let unit = self.unit;
        for decl in &unit.types {
            let Some(typed) = self.type_def(&decl.spec, Some(&decl.name.text)) else {
                continue;
            };
            let typed = Typed {
                init: decl.init.as_ref().or(typed.init),
                ..typed
            };
            let taken = Ty::named(&decl.name.text).is_some()
                || StdBlock::named(&decl.name.text).is_some_and(|block| !block.is_library())
                || self.pous.contains_key(&decl.name.text);
            if taken || self.types.insert(decl.name.text.clone(), typed).is_some() {
                self.error(
                    decl.name.pos,
                    "ST031",
                    format!("{} is declared twice", decl.name.text),
                    "rename one of them",
                );
            }
        }
    }

    pub(super) fn type_def(&mut self, spec: &'a TypeSpec, name: Option<&str>) -> Option<Typed<'a>> {
        let data = match spec {
            TypeSpec::Named(name) => return self.named_type(name),
            TypeSpec::Enum { values, pos } => {
                VarTy::Scalar(self.enum_type(values, *pos, name.unwrap_or(""))?)
            }
            TypeSpec::Array { dims, element, pos } => self.array_type(dims, element, *pos)?,
            TypeSpec::Text { length } => VarTy::Text(self.text_capacity(length.as_ref())?),
            TypeSpec::Subrange { base, low, high } => self.subrange_type(base, low, high)?,
            TypeSpec::Struct { fields, pos } => {
                self.struct_type(fields, *pos, name.unwrap_or(""))?
            }
        };
        Some(Typed {
            def: TypeDef::Data(data),
            init: None,
        })
    }

    fn named_type(&mut self, name: &Name) -> Option<Typed<'a>> {
        let plain = |def| Some(Typed { def, init: None });
        if let Some(ty) = Ty::named(&name.text) {
            return plain(TypeDef::Data(VarTy::Scalar(ty)));
        }
        // What the file declares hides the library, but not the blocks that every program may count on.
        let standard = self.standard_block(&name.text);
        if let Some(block) = standard.filter(|block| !block.is_library()) {
            return plain(TypeDef::StdBlock(block));
        }
        if let Some(typed) = self.types.get(&name.text) {
            return Some(*typed);
        }
        let block = self.pous.get(&name.text).copied();
        let is_block = |i: &usize| {
            self.unit
                .pous
                .get(*i)
                .is_some_and(|pou| pou.kind == PouKind::FunctionBlock)
        };
        if let Some(index) = block.filter(is_block) {
            return plain(TypeDef::UserBlock(index));
        }
        if let Some(block) = standard {
            return plain(TypeDef::StdBlock(block));
        }
        let hint = match name.text.as_str() {
            "CHAR" | "WCHAR" => "use STRING[1]",
            _ => "declare it with TYPE or FUNCTION_BLOCK in this file, above its first use",
        };
        self.error(
            name.pos,
            "ST034",
            format!("type {} is not known", name.text),
            hint,
        );
        None
    }

    /// A block of the firmware. Programs in OpenPLC's dialect mean the PID of the standard's annex.
    fn standard_block(&self, name: &str) -> Option<StdBlock> {
        let block = StdBlock::named(name)?;
        if block == StdBlock::Pid && name == "PID" && self.unit.configuration.is_some() {
            return Some(StdBlock::Library(Library::Pid));
        }
        Some(block)
    }

    fn enum_type(
        &mut self,
        values: &'a [(Name, Option<Expr>)],
        pos: Pos,
        name: &str,
    ) -> Option<Ty> {
        let index = u16::try_from(self.enums.len())
            .ok()
            .filter(|i| *i < u16::MAX);
        let Some(index) = index else {
            self.limit(pos, "enumerations", usize::from(u16::MAX));
            return None;
        };
        let (mut map, mut next, mut first) = (BTreeMap::new(), 0_i64, None);
        for (value_name, value) in values {
            if !self.count_declared(value_name.pos) {
                return None;
            }
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

    fn text_capacity(&mut self, length: Option<&'a Expr>) -> Option<u8> {
        let Some(length) = length else {
            return Some(text::DEFAULT_CHARS);
        };
        let value = self.constant_int(length)?;
        let capacity = u8::try_from(value)
            .ok()
            .filter(|n| (1..=text::MAX_CHARS).contains(n));
        if capacity.is_none() {
            self.error(
                length.pos,
                "ST036",
                format!("a STRING cannot have {value} characters"),
                "a length is 1 to 254",
            );
        }
        capacity
    }

    fn subrange_type(&mut self, base: &'a Name, low: &'a Expr, high: &'a Expr) -> Option<VarTy> {
        let ty = Ty::named(&base.text).filter(|ty| ty.is_int() && *ty != Ty::Ulint);
        let Some(ty) = ty else {
            self.error(
                base.pos,
                "ST036",
                format!("{} has no subranges", base.text),
                "use SINT, INT, DINT, LINT, USINT, UINT or UDINT",
            );
            return None;
        };
        let low_value = i64_of(self.constant_of(low, ty)?);
        let high_value = i64_of(self.constant_of(high, ty)?);
        if low_value > high_value {
            self.error(
                low.pos,
                "ST036",
                format!("range {low_value}..{high_value} is empty"),
                "write the smaller value first",
            );
            return None;
        }
        self.subranges.push(Subrange {
            ty,
            low: low_value,
            high: high_value,
        });
        Some(VarTy::Subrange(self.subranges.len() - 1))
    }

    fn array_type(
        &mut self,
        dims: &'a [(Expr, Expr)],
        element: &'a TypeSpec,
        pos: Pos,
    ) -> Option<VarTy> {
        let mut bounds = Vec::new();
        for (low, high) in dims {
            bounds.push(self.dimension(low, high)?);
        }
        let typed = self.type_def(element, None)?;
        let (mut element, mut element_init) = match typed.def {
            TypeDef::Data(data) => (data, typed.init),
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
        // An array of arrays has the dimensions of both.
        if let VarTy::Array(inner) = element {
            let inner = self.arrays.get(inner)?.clone();
            bounds.extend(inner.dims);
            (element, element_init) = (inner.element, inner.element_init);
        }
        if bounds.len() > MAX_DIMENSIONS {
            self.limit(pos, "dimensions", MAX_DIMENSIONS);
            return None;
        }
        let stride = self.size_of(element);
        let total = bounds
            .iter()
            .try_fold(1_usize, |n, dim| n.checked_mul(dim.extent as usize))
            .filter(|n| n.checked_mul(stride).is_some_and(|n| n <= MAX_SLOTS));
        let first_dim = u16::try_from(self.dims.len()).ok();
        let (Some(total), Some(first_dim), Ok(stride), true) = (
            total,
            first_dim,
            u16::try_from(stride),
            self.dims.len() + bounds.len() < usize::from(u16::MAX),
        ) else {
            self.limit(pos, "values", MAX_SLOTS);
            return None;
        };
        let depth = self.depth_of(element) + 1;
        self.dims.extend(&bounds);
        self.arrays.push(ArrayTy {
            depth,
            element,
            element_init,
            dims: bounds,
            first_dim,
            total,
            stride,
        });
        Some(VarTy::Array(self.arrays.len() - 1))
    }

    fn dimension(&mut self, low: &'a Expr, high: &'a Expr) -> Option<Dim> {
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
        Some(Dim {
            low: low_value,
            extent,
        })
    }

    fn struct_type(&mut self, decls: &'a [VarDecl], pos: Pos, name: &str) -> Option<VarTy> {
        let (mut fields, mut size, mut depth) = (BTreeMap::new(), 0_usize, 0);
        for decl in decls {
            let typed = self.type_def(&decl.spec, None)?;
            let place = decl.names.first().map_or(pos, |n| n.pos);
            let (TypeDef::Data(ty), None) = (typed.def, decl.at) else {
                self.error(
                    place,
                    "ST037",
                    "a structure holds data, neither function blocks nor addresses",
                    "declare function blocks and located variables in VAR",
                );
                return None;
            };
            depth = depth.max(self.depth_of(ty) + 1);
            if depth > MAX_NESTING {
                self.limit(place, "types inside each other", MAX_NESTING);
                return None;
            }
            for field in &decl.names {
                if !self.count_declared(field.pos) {
                    return None;
                }
                let offset = u16::try_from(size).unwrap_or(u16::MAX);
                size += self.size_of(ty);
                if size > MAX_SLOTS {
                    self.limit(field.pos, "values", MAX_SLOTS);
                    return None;
                }
                let init = decl.init.as_ref().or(typed.init);
                let data = Field { ty, offset, init };
                if fields.insert(field.text.clone(), data).is_some() {
                    self.error(
                        field.pos,
                        "ST031",
                        format!("{} is declared twice", field.text),
                        "rename one of them",
                    );
                }
            }
        }
        if fields.is_empty() {
            self.error(pos, "ST036", "the structure is empty", "give it a member");
            return None;
        }
        self.structs.push(StructTy {
            name: name.to_owned(),
            fields,
            size,
            depth,
        });
        Some(VarTy::Struct(self.structs.len() - 1))
    }

    /// Number of slots that a value takes.
    pub(super) fn size_of(&self, ty: VarTy) -> usize {
        match ty {
            VarTy::Array(index) => self
                .arrays
                .get(index)
                .map_or(0, |a| a.total * usize::from(a.stride)),
            VarTy::Struct(index) => self.structs.get(index).map_or(0, |s| s.size),
            VarTy::Text(capacity) => text::slots_of(capacity),
            _ => 1,
        }
    }

    fn depth_of(&self, ty: VarTy) -> usize {
        match ty {
            VarTy::Array(index) => self.arrays.get(index).map_or(0, |a| a.depth),
            VarTy::Struct(index) => self.structs.get(index).map_or(0, |s| s.depth),
            _ => 0,
        }
    }

    /// True if values of one type can be copied to variables of the other as they are.
    pub(super) fn same_type(&self, a: VarTy, b: VarTy) -> bool {
        match (a, b) {
            (VarTy::Array(a), VarTy::Array(b)) => match (self.arrays.get(a), self.arrays.get(b)) {
                (Some(a), Some(b)) => a.dims == b.dims && self.same_type(a.element, b.element),
                _ => false,
            },
            (VarTy::Subrange(a), VarTy::Subrange(b)) => {
                self.subranges.get(a) == self.subranges.get(b)
            }
            _ => a == b,
        }
    }
}
