//! A small Bevy game that shows what DGX-Pixels published into its `assets/`, and reloads what changes.
//!
//! Each idea is one plugin: [`manifest`] knows which assets there are, [`gallery`] draws sprites, [`animation`] moves
//! those that are sheets, [`ground`] lays a tile map of the tilesets by
//! the rules in [`terrain`], [`view`] is the camera, [`mode`] says where to
//! draw, and [`dgx_pixels_reload`] tells DGX-Pixels what was loaded.

mod animation;
mod dgx_pixels_reload;
mod gallery;
mod ground;
mod manifest;
mod mode;
mod shutdown;
mod terrain;
mod view;

use bevy::prelude::*;

use crate::mode::Mode;

fn main() -> AppExit {
    let mode = match Mode::asked() {
        Ok(mode) => mode,
        Err(error) => {
            eprintln!("{error}");
            return AppExit::from_code(2);
        }
    };
    let mut app = App::new();
    app.add_plugins((
        mode,
        dgx_pixels_reload::DgxPixelsReloadPlugin,
        manifest::ManifestPlugin,
        view::ViewPlugin {
            offscreen: mode == Mode::Offscreen,
        },
        gallery::GalleryPlugin,
        animation::AnimationPlugin,
        ground::GroundPlugin,
    ));
    if mode == Mode::Assets {
        app.add_plugins(shutdown::ShutdownPlugin);
    }
    app.run()
}
